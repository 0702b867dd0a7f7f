import { readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArtifactSweeper } from '../src/platform/storage/artifact-sweeper.js';
import { numbersParquet, readOutput, type Row, rowsOf } from './support/batches.js';
import type { Client } from './support/client.js';
import { WorkerProcess } from './support/processes.js';
import { Service } from './support/service.js';

const BATCH = '/api/v1/predictions/batch';
const ROWS = 75_000;
/** Every so manieth row is one that the model does not take. */
const ODD = 100;
const ODD_ROWS = ROWS / ODD;

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
        MODELPLANE_WORKER_CPUS: '2',
        MODELPLANE_STORAGE_GRANTS:
          'acme-corp=s3://data/,s3://predictions/;globex=s3://globex/;initech=s3://initech/',
        MODELPLANE_JOBS_TURN_SECONDS: '0',
        MODELPLANE_JOBS_MAX_ATTEMPTS: '10',
      },
    });
    acme = await service.as('acme-corp', 'scientist');
    worker = await WorkerProcess.start(service);
    await acme.put('/api/v1/objects/data/train.parquet', await numbersParquet(2000, 8, 2000));
    for (const [name, firstId] of [
      ['a', 0],
      ['b', ROWS / 2],
    ] as const) {
      const rows = await numbersParquet(ROWS / 2, 8, 2500, { firstId, odd: ODD });
      await acme.put(`/api/v1/objects/data/rows/${name}.parquet`, rows);
    }
    const { body } = await acme.post('/api/v1/training', {
      model_name: 'sums',
      framework: 'sklearn',
      data_config: { train_path: 's3://data/train.parquet', target_column: 'f0', exclude_columns: ['id'] },
      hyperparameters: { estimator: 'random_forest', n_estimators: 400, max_depth: 8 },
    });
    const job = await acme.waitForJob(`/api/v1/training/${body.job_id}`);
    modelId = job.body.result.model_id;
  });
  afterEach(async () => {
    await worker?.kill('SIGKILL');
    worker = undefined;
  });
  afterAll(() => service.stop());

  async function submit(folder: string, more: object = {}): Promise<string> {
    const { status, body } = await acme.post(BATCH, {
      ...more,
      model_id: modelId,
      input_path: 's3://data/rows/',
      output_path: `s3://predictions/${folder}/`,
    });
    expect({ status, body }).toMatchObject({ status: 202 });
    return body.job_id;
  }

  async function parquetParts(folder: string): Promise<string[]> {
    const { data } = (await acme.get(`/api/v1/objects?prefix=s3://predictions/${folder}/&limit=200`)).body;
    return data.map(({ uri }: Row) => uri as string).filter((uri: string) => uri.endsWith('.parquet'));
  }

  async function untilParts(folder: string, count: number): Promise<void> {
    for (let tries = 0; tries < 2000; tries++) {
      if ((await parquetParts(folder)).length >= count) return;
      await sleep(10);
    }
    throw new Error('the parts never came');
  }

  /** Until two jobs have been claimed since then. */
  async function untilBothRun(since: Date): Promise<void> {
    for (let tries = 0; tries < 2000; tries++) {
      const running = `select from jobs where status = 'running' and claimed_at > $1`;
      if ((await service.database.query(running, [since])).length === 2) return;
      await sleep(20);
    }
    throw new Error('the two jobs never ran beside each other');
  }

  const changed = async (uri: string) =>
    (await stat(join(service.stateDir, 'objects', uri.slice('s3://'.length)))).mtimeMs;

  /** Makes a job and all that it has kept so far as many hours older. */
  async function setBack(job: string, hours: number): Promise<void> {
    await service.database.query(
      `update jobs set created_at = created_at - $2::interval, started_at = started_at - $2::interval,
              claimed_at = claimed_at - $2::interval, updated_at = updated_at - $2::interval where id = $1`,
      [job, `${hours} hours`],
    );
    const folder = join(service.stateDir, 'objects/modelplane/acme-corp/jobs', job);
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((file) =>
      file.isFile(),
    );
    expect(files.length).toBeGreaterThan(1);
    const old = new Date(Date.now() - hours * 3600_000);
    for (const { parentPath, name } of files) await utimes(join(parentPath, name), old, old);
  }

  /** All that a reader sees but which job it was and how long it took: manifest and every byte of the parts. */
  async function content(folder: string, jobId: string) {
    const { manifest, files, errors } = await readOutput(acme, `predictions/${folder}`);
    const { timings, ...rest } = manifest;
    expect(Object.keys(timings)).toContain('scoring_seconds');
    const unnamed = (text: string) => text.replaceAll(jobId.slice('batch-'.length), 'JOB');
    return {
      manifest: JSON.parse(unnamed(JSON.stringify(rest))),
      files: Array.from(files, ([name, bytes]) => [unnamed(name), bytes.toString('base64')]),
      errors,
    };
  }

  it('by kill -9 is gone on with where it was, and its output is that of a job left in peace', async () => {
    const killed = await submit('killed');
    let kept: { uri: string; at: number }[] = [];
    // Once within the first file, and once within the second.
    for (const [attempt, parts] of [
      [1, 5],
      [2, 17],
    ] as const) {
      await untilParts('killed', parts);
      await worker!.kill('SIGKILL');
      expect((await acme.get(`${BATCH}/${killed}`)).body).toMatchObject({ status: 'running', attempt });
      expect((await acme.get('/api/v1/objects/predictions/killed/_SUCCESS')).status).toBe(404);
      for (const { uri, at } of kept) expect({ uri, at: await changed(uri) }).toEqual({ uri, at });
      const written = (await parquetParts('killed')).slice(0, -2);
      // All but the one or two whose note was not yet written.
      kept = await Promise.all(written.map(async (uri) => ({ uri, at: await changed(uri) })));
      worker = await WorkerProcess.start(service);
    }
    const { body } = await acme.waitForJob(`${BATCH}/${killed}`, 90_000);
    expect(body).toMatchObject({
      status: 'succeeded',
      attempt: 3,
      progress: { rows_done: ROWS },
      result: { rows_read: ROWS, rows_scored: ROWS - ODD_ROWS, rows_failed: ODD_ROWS, parts: ROWS / 2500 },
    });
    for (const { uri, at } of kept) expect({ uri, at: await changed(uri) }).toEqual({ uri, at });
    const log = (await acme.get(`${BATCH}/${killed}/logs?limit=200`)).body.data;
    // Of the second attempt, the last lines went with the worker.
    const message = expect.stringMatching(/^Going on after \d+ finished parts/);
    expect(log).toContainEqual(expect.objectContaining({ attempt: 3, message }));

    const quiet = await submit('quiet');
    expect((await acme.waitForJob(`${BATCH}/${quiet}`, 90_000)).body).toMatchObject({ attempt: 1 });
    const after = await content('killed', killed);
    expect(after).toEqual(await content('quiet', quiet));
    expect(after.errors).toHaveLength(ODD_ROWS);
    const ids = (await rowsOf(await readOutput(acme, 'predictions/killed'))).map(({ id }) => id);
    const fit = Array.from({ length: ROWS }, (_, id) => id).filter((id) => (id + 1) % ODD !== 0);
    expect(ids).toEqual(fit);
  }, 180_000);

  it('by kill -9 while it gives way loses nothing and scores no row twice', async () => {
    const [globex, initech] = await Promise.all([
      service.as('globex', 'scientist'),
      service.as('initech', 'scientist'),
    ]);
    const data = await numbersParquet(20_000, 8, 2000);
    const train = async (tenant: Client, bucket: string, n_estimators: number) => {
      await tenant.put(`/api/v1/objects/${bucket}/train.parquet`, data);
      const { status, body } = await tenant.post('/api/v1/training', {
        model_name: 'sums',
        framework: 'sklearn',
        data_config: { train_path: `s3://${bucket}/train.parquet`, target_column: 'f0' },
        hyperparameters: { estimator: 'random_forest', n_estimators },
      });
      expect({ status, body }).toMatchObject({ status: 202 });
      return `/api/v1/training/${body.job_id}`;
    };

    await worker?.kill('SIGKILL');
    const job = await submit('yielding', { batch_size: 8 });
    // It holds the reserve while others come, for whom the batch has to give way.
    const long = await train(globex, 'globex', 5000);
    for (const isKilled of [true, false]) {
      const [before] = await service.database.query<{ now: Date }>('select clock_timestamp() as now');
      worker = await WorkerProcess.start(service);
      await untilBothRun(before!.now);
      const waiting = await train(initech, 'initech', 1);
      if (!isKilled) expect((await initech.waitForJob(waiting)).body.status).toBe('succeeded');
      else {
        // As soon as the next part is finished it lets go.
        await sleep(60);
        await worker.kill('SIGKILL');
        await initech.delete(waiting);
      }
    }
    await globex.delete(long);
    const { body } = await acme.waitForJob(`${BATCH}/${job}`, 90_000);
    expect(body).toMatchObject({
      status: 'succeeded',
      result: { rows_read: ROWS, rows_scored: ROWS - ODD_ROWS, rows_failed: ODD_ROWS, parts: ROWS / 2500 },
    });
    const lines = (await acme.get(`${BATCH}/${job}/logs?limit=200`)).body.data;
    expect(lines.filter(({ message }: Row) => /gave way/.test(String(message)))).not.toEqual([]);
    const ids = (await rowsOf(await readOutput(acme, 'predictions/yielding'))).map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: ROWS }, (_, id) => id).filter((id) => (id + 1) % ODD !== 0));
  }, 180_000);

  it('and that is swept meanwhile, days after it began, scores no part twice', async () => {
    worker = await WorkerProcess.start(service);
    const job = await submit('swept');
    await untilParts('swept', 8);
    await worker.kill('SIGKILL');
    // All but the one or two whose note was not yet written.
    const written = (await parquetParts('swept')).slice(0, -2);
    const kept = await Promise.all(written.map(async (uri) => ({ uri, at: await changed(uri) })));
    await setBack(job, 3 * 24);
    await service.app.get(ArtifactSweeper, { strict: false }).sweep();

    worker = await WorkerProcess.start(service);
    expect((await acme.waitForJob(`${BATCH}/${job}`, 90_000)).body).toMatchObject({
      status: 'succeeded',
      attempt: 2,
      result: { rows_read: ROWS, rows_scored: ROWS - ODD_ROWS, rows_failed: ODD_ROWS, parts: ROWS / 2500 },
    });
    for (const { uri, at } of kept) expect({ uri, at: await changed(uri) }).toEqual({ uri, at });
  });

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
    for (let tries = 0; (await parquetParts('cancelled')).length > 0; tries++) {
      if (tries === 200) throw new Error('parts were left behind');
      await sleep(25);
    }
  });

  it('keeps its folder from other jobs while it waits', async () => {
    const waiting = await submit('taken');
    const request = {
      model_id: modelId,
      input_path: 's3://data/rows/',
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
  });
});
