import type { ComputeEngine } from '#libs/compute';
import { TRAINING, VALIDATION } from '../src/modules/training/training-job.js';
import { TrainingProcessor } from '../src/modules/training/training.processor.js';
import { ValidationProcessor } from '../src/modules/training/validation.processor.js';
import { EmbeddedEngine } from '../src/platform/compute/embedded-engine.js';
import type { JobHandler } from '../src/platform/jobs/job-handlers.js';
import { JobRunner } from '../src/platform/jobs/job-runner.js';
import type { Client } from './support/client.js';
import { makeData } from './support/data.js';
import { Service } from './support/service.js';

describe('an engine', () => {
  let service: Service;
  let acme: Client;
  let engine: ComputeEngine;

  beforeAll(async () => {
    // In the role api nothing starts Python ahead of the first job.
    service = await Service.start({
      env: {
        MODELPLANE_PYTHON: '/bin/false',
        MODELPLANE_JOBS_RETRY_SECONDS: '0',
        MODELPLANE_JOBS_LEASE_SECONDS: '2',
      },
    });
    acme = await service.as('acme-corp', 'scientist');
    const part = <T>(type: abstract new (...args: never[]) => T): T =>
      service.app.get(type, { strict: false });
    engine = part(EmbeddedEngine);
    part(JobRunner).start(TRAINING, part(TrainingProcessor) as JobHandler);
    part(JobRunner).start(VALIDATION, part(ValidationProcessor) as JobHandler);
    const files = await makeData('subscribers.csv');
    await acme.put('/api/v1/objects/data/subscribers.csv', files['subscribers.csv']);
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => service?.stop());

  const request = (name: string) => ({
    model_name: name,
    framework: 'sklearn',
    data_config: { train_path: 's3://data/subscribers.csv', target_column: 'churn' },
  });
  const train = async (name: string) => {
    const { body } = await acme.post('/api/v1/training', request(name));
    return (await acme.waitForJob(`/api/v1/training/${body.job_id}`)).body;
  };

  it('that is away should fail a training as what passes does, after its attempts', async () => {
    expect(await train('away')).toMatchObject({
      status: 'failed',
      attempt: 3,
      error: {
        code: 'ENGINE_UNAVAILABLE',
        message: 'The engine local, which runs jobs, is not available. It was tried 3 times.',
      },
    });
  });

  it('that is away should be said to whoever waits for a look at data, and not be taken for a fault of the data', async () => {
    const { status, headers, body } = await acme.post('/api/v1/training/validate', request('away'));
    expect([status, headers.get('retry-after')]).toEqual([503, '10']);
    expect(body).toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      detail: 'The engine local, which runs jobs, is not available.',
    });
    expect(JSON.stringify(body)).not.toMatch(/false|python/i);
  });

  it('that nobody has configured should be taken for one that is away', async () => {
    const { body } = await acme.post('/api/v1/training', request('ray'));
    await service.database.query(`update jobs set engine = 'ray' where id = $1`, [body.job_id]);
    const { body: job } = await acme.waitForJob(`/api/v1/training/${body.job_id}`);
    expect(job.error.code).toBe('ENGINE_UNAVAILABLE');
  });

  describe('that is there', () => {
    /** Answers in place of Python, from here on. */
    function answer(run: ComputeEngine['run']): void {
      jest.spyOn(engine, 'run').mockImplementation(run);
    }
    const header = { job_id: 'train-1', attempt: 1, seq: 1 };

    it('should be given a spec that fits its contract', async () => {
      const specs: object[] = [];
      answer(async (spec) => {
        specs.push(spec);
        return { type: 'failed', code: 'DATA_UNFIT', message: 'no' };
      });
      const job = await train('spec');
      expect(job.error).toEqual({ code: 'DATA_UNFIT', message: 'no' });
      expect(specs).toMatchObject([
        { spec_version: 1, kind: 'training', job_id: job.job_id, attempt: 1, framework: 'sklearn' },
      ]);
    });

    it('should have its own id kept before the job begins', async () => {
      const kept: unknown[] = [];
      answer(async (spec, { onAccepted }) => {
        await onAccepted?.('engine-7');
        const { job_id } = spec as { job_id: string };
        kept.push(
          ...(await service.database.query('select engine_job_id from jobs where id = $1', [job_id])),
        );
        return { type: 'failed', code: 'DATA_UNFIT', message: 'no' };
      });
      expect(await train('kept')).toMatchObject({ engine: 'local', engine_job_id: 'engine-7' });
      expect(kept).toEqual([{ engine_job_id: 'engine-7' }]);
    });

    it.each<[string, ComputeEngine['run']]>([
      [
        'the progress',
        async (_, { onEvent }) => {
          const rows = { rows_done: 1, rows_total: 2, rows_failed: 0, rows_per_second: 1 };
          onEvent({ ...header, type: 'progress', ...rows, estimated_completion: null, metrics: {} });
          return { type: 'aborted' };
        },
      ],
      ['the result', async () => ({ type: 'succeeded', result: { rows_read: 1 } })],
    ])('should not have %s of another kind of work believed', async (_, run) => {
      answer(run);
      expect(await train('strange')).toMatchObject({
        status: 'failed',
        progress: null,
        result: null,
        error: { code: 'INTERNAL_ERROR' },
      });
    });
  });
});
