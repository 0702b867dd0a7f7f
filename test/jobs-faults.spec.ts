import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './support/client.js';
import { makeData } from './support/data.js';
import { WorkerProcess } from './support/processes.js';
import { Service } from './support/service.js';

/** Workers that are killed in the middle of training, over HTTP and in processes of their own. */
describe('a worker that dies in the middle of training', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({
      env: { MODELPLANE_JOBS_LEASE_SECONDS: '2', MODELPLANE_JOBS_RECONCILE_SECONDS: '1' },
    });
    acme = await service.as('acme-corp', 'scientist');
    const files = await makeData('large.parquet');
    await acme.put('/api/v1/objects/data/large.parquet', files['large.parquet']);
  });
  afterAll(() => service.stop());

  const request = (model_name: string) => ({
    model_name,
    framework: 'sklearn',
    data_config: { train_path: 's3://data/large.parquet', target_column: 'churned' },
    hyperparameters: { estimator: 'gradient_boosting', n_estimators: 60, max_depth: 4 },
  });

  async function untilRunning(path: string): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      const { body } = await acme.get(path);
      if (body.status === 'running' && body.progress) return;
      await sleep(20);
    }
    throw new Error('the job never showed progress');
  }

  async function versionsOf(name: string): Promise<string[]> {
    const [model] = (await acme.get(`/api/v1/models?name=${name}`)).body.data;
    const { data } = (await acme.get(`/api/v1/models/${model.model_id}/versions`)).body;
    return data.map(({ version }: { version: string }) => version);
  }

  it('by kill -9: the next one finishes the job, once', async () => {
    const first = await WorkerProcess.start(service);
    const { job_id } = (await acme.post('/api/v1/training', request('killed'))).body;
    const path = `/api/v1/training/${job_id}`;
    await untilRunning(path);
    await first.kill('SIGKILL');
    const { body: killed } = await acme.get(path);
    expect(killed).toMatchObject({
      status: 'running',
      attempt: 1,
      engine_job_id: expect.stringMatching(/^\d+-\d+$/),
    });

    const second = await WorkerProcess.start(service);
    try {
      const { body } = await acme.waitForJob(path, 90_000);
      expect(body).toMatchObject({ status: 'succeeded', attempt: 2, result: { version: '1.0.0' } });
      expect(body.engine_job_id).not.toBe(killed.engine_job_id);
      expect(await versionsOf('killed')).toEqual(['1.0.0']);
      const events = await service.database.query<{ attempt: number }>(
        `select attempt from job_events where job_id = $1 and type = 'succeeded'`,
        [job_id],
      );
      expect(events).toEqual([{ attempt: 2 }]);
      const attempts = await service.database.query('select id from jobs where ended_at is null');
      expect(attempts).toEqual([]);
    } finally {
      await second.kill('SIGTERM');
    }
  });

  it('by SIGTERM: the job is given back unhurt and finished by the next one', async () => {
    const first = await WorkerProcess.start(service);
    const { job_id } = (await acme.post('/api/v1/training', request('stopped'))).body;
    const path = `/api/v1/training/${job_id}`;
    await untilRunning(path);
    await first.kill('SIGTERM');
    expect((await acme.get(path)).body).toMatchObject({ status: 'submitted', attempt: 1 });

    const second = await WorkerProcess.start(service);
    try {
      expect((await acme.waitForJob(path, 90_000)).body).toMatchObject({ status: 'succeeded', attempt: 2 });
      expect(await versionsOf('stopped')).toEqual(['1.0.0']);
    } finally {
      await second.kill('SIGTERM');
    }
  });
});
