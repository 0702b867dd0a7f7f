import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { numbersParquet, readOutput, type Row, rowsOf } from './support/batches.js';
import type { Client } from './support/client.js';
import { WorkerProcess } from './support/processes.js';
import { Service } from './support/service.js';

const BATCH = '/api/v1/predictions/batch';
const ROWS = 75_000;

/** Workers that are killed in the middle of a batch, over HTTP and in processes of their own. */
describe('a batch whose worker dies', () => {
  let service: Service;
  let acme: Client;
  let modelId: string;
  let worker: WorkerProcess | undefined;

  beforeAll(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_JOBS_LEASE_SECONDS: '2',
        MODELPLANE_JOBS_RECONCILE_SECONDS: '1',
        MODELPLANE_BATCH_PART_ROWS: '2500',
      },
    });
    acme = await service.as('acme-corp', 'scientist');
    worker = await WorkerProcess.start(service);
    await acme.put('/api/v1/objects/data/train.parquet', await numbersParquet(2000, 8, 2000));
    await acme.put('/api/v1/objects/data/rows.parquet', await numbersParquet(ROWS, 8, 2500));
    const { body } = await acme.post('/api/v1/training', {
      model_name: 'sums',
      framework: 'sklearn',
      data_config: { train_path: 's3://data/train.parquet', target_column: 'f0', exclude_columns: ['id'] },
      hyperparameters: { estimator: 'random_forest', n_estimators: 60, max_depth: 8 },
    });
    const job = await acme.waitForJob(`/api/v1/training/${body.job_id}`);
    modelId = job.body.result.model_id;
  }, 120_000);
  afterEach(async () => {
    await worker?.kill('SIGKILL');
    worker = undefined;
  });
  afterAll(() => service.stop());

  async function submit(folder: string): Promise<string> {
    const { status, body } = await acme.post(BATCH, {
      model_id: modelId,
      input_path: 's3://data/rows.parquet',
      output_path: `s3://predictions/${folder}/`,
    });
    expect({ status, body }).toMatchObject({ status: 202 });
    return body.job_id;
  }

  async function untilParts(folder: string, count: number): Promise<string[]> {
    for (let tries = 0; tries < 2000; tries++) {
      const { data } = (await acme.get(`/api/v1/objects?prefix=s3://predictions/${folder}/&limit=200`)).body;
      if (data.length >= count) return data.map(({ uri }: Row) => uri);
      await sleep(10);
    }
    throw new Error('the parts never came');
  }

  const changed = async (uri: string) =>
    (await stat(join(service.stateDir, 'objects', uri.slice('s3://'.length)))).mtimeMs;

  /** Everything about the rows of an output but whose job they are. */
  const content = (parts: Row[]) =>
    parts.map(({ output, ...part }) => {
      const { sha256, size_bytes } = output as Row;
      return { ...part, sha256, size_bytes };
    });

  it('by kill -9 is gone on with where it was, and its output is that of a job left in peace', async () => {
    const killed = await submit('killed');
    const written = (await untilParts('killed', 5)).filter((uri) => uri.endsWith('.parquet'));
    await worker!.kill('SIGKILL');
    expect((await acme.get(`${BATCH}/${killed}`)).body).toMatchObject({ status: 'running', attempt: 1 });
    const { status } = await acme.get('/api/v1/objects/predictions/killed/_SUCCESS');
    expect(status).toBe(404);
    const times = await Promise.all(written.map(changed));

    worker = await WorkerProcess.start(service);
    const { body } = await acme.waitForJob(`${BATCH}/${killed}`, 90_000);
    expect(body).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      progress: { rows_done: ROWS },
      result: { rows_read: ROWS, rows_scored: ROWS, parts: ROWS / 2500 },
    });
    // All but the one or two whose note was not yet written.
    const kept = await Promise.all(written.slice(0, -2).map(changed));
    expect(kept).toEqual(times.slice(0, -2));
    const log = (await acme.get(`${BATCH}/${killed}/logs`)).body.data;
    expect(log).toContainEqual(
      expect.objectContaining({
        attempt: 2,
        message: expect.stringMatching(/^Going on after \d+ finished parts/),
      }),
    );

    const quiet = await submit('quiet');
    await acme.waitForJob(`${BATCH}/${quiet}`, 90_000);
    const [after, peaceful] = [
      await readOutput(acme, 'predictions/killed'),
      await readOutput(acme, 'predictions/quiet'),
    ];
    expect(content(after.manifest.parts)).toEqual(content(peaceful.manifest.parts));
    const ids = (await rowsOf(after)).map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: ROWS }, (_, id) => id));
  }, 180_000);

  it('or is told to cancel ends within moments and leaves no part behind', async () => {
    worker = await WorkerProcess.start(service);
    const job = await submit('cancelled');
    await untilParts('cancelled', 2);
    expect(await acme.delete(`${BATCH}/${job}`)).toMatchObject({
      status: 200,
      body: { cancel_requested: true },
    });
    expect((await acme.waitForJob(`${BATCH}/${job}`)).body).toMatchObject({
      status: 'cancelled',
      result: null,
    });
    for (let tries = 0; ; tries++) {
      const { data } = (await acme.get('/api/v1/objects?prefix=s3://predictions/cancelled/')).body;
      if (data.length === 0) break;
      if (tries === 200) throw new Error(`left behind: ${JSON.stringify(data)}`);
      await sleep(25);
    }
  }, 60_000);

  it('keeps its folder from other jobs while it waits', async () => {
    const waiting = await submit('taken');
    const request = {
      model_id: modelId,
      input_path: 's3://data/rows.parquet',
      output_path: 's3://predictions/taken/',
      overwrite: true,
    };
    expect(await acme.post(BATCH, request)).toMatchObject({ status: 409, body: { code: 'OUTPUT_EXISTS' } });
    const cancelled = await acme.delete(`${BATCH}/${waiting}`);
    expect(cancelled.body).toMatchObject({ status: 'cancelled' });
    const again = await acme.post(BATCH, request);
    expect(again.status).toBe(202);
    await acme.delete(`${BATCH}/${again.body.job_id}`);
  });

  it('fails where its model has been deleted meanwhile', async () => {
    const path = `${BATCH}/${await submit('orphaned')}`;
    const admin = await service.as('acme-corp', 'admin');
    expect((await admin.delete(`/api/v1/models/${modelId}`)).status).toBe(204);
    worker = await WorkerProcess.start(service);
    expect((await acme.waitForJob(path)).body).toMatchObject({
      status: 'failed',
      error: { code: 'MODEL_NOT_FOUND' },
    });
  }, 60_000);
});
