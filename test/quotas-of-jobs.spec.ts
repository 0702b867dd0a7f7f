import { setTimeout as sleep } from 'node:timers/promises';
import { QuotasConfig } from '../src/config/index.js';
import { LogUpkeep } from '../src/modules/prediction-log/log-upkeep.js';
import { StorageRecount } from '../src/platform/storage/storage-recount.js';
import { BATCH } from './support/batch-scene.js';
import { jsonLines, type Row } from './support/batches.js';
import { FEATURES } from './support/churn.js';
import type { Answer, Client } from './support/client.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

interface Storage {
  object_bytes: number;
  artifact_bytes: number;
  log_bytes: number;
  reserved_bytes: number;
}

/** What jobs, versions and predictions take of a tenant's quota. */
describe('a quota', () => {
  let service: Service;
  let acme: Client;
  let models: TrainedModels;
  let quotas: QuotasConfig;

  beforeAll(async () => {
    const env = { MODELPLANE_BATCH_PART_ROWS: '2000', MODELPLANE_MIN_FREE_DISK_BYTES: '0' };
    ({ service, models } = await startWithModels({ role: 'all', env }));
    acme = await service.as('acme-corp', 'admin');
    quotas = service.app.get(QuotasConfig, { strict: false });
  });
  afterEach(() => void (quotas.bytes = new QuotasConfig().bytes));
  afterAll(() => service?.stop());

  const storage = async (client = acme): Promise<Storage> => (await client.get('/api/v1/me')).body.storage;

  /** Leaves the tenant so many bytes. */
  async function leave(bytes: number): Promise<void> {
    const { object_bytes, artifact_bytes, log_bytes, reserved_bytes } = await storage();
    quotas.bytes = object_bytes + artifact_bytes + log_bytes + reserved_bytes + bytes;
  }

  const predict = (): Promise<Answer> =>
    acme.post('/api/v1/predictions', { model_id: models.churn, features: FEATURES });

  async function untilLogged({ body }: Answer): Promise<void> {
    while ((await acme.get(`/api/v1/predictions/${body.request_id}`)).status !== 200) await sleep(20);
  }

  const refusedOfLog = async (): Promise<number> => {
    const text: string = (await acme.get('/metrics')).body;
    return Number(/prediction_log_dropped_total\{reason="quota"\} (\d+)/.exec(text)?.[1]);
  };

  async function score(rows: number, name: string): Promise<Row> {
    const lines = jsonLines(Array.from({ length: rows }, (_, id) => ({ id, ...FEATURES })));
    expect((await acme.put(`/api/v1/objects/data/${name}.jsonl`, lines)).status).toBe(200);
    const { body } = await acme.post(BATCH, {
      model_id: models.churn,
      input_path: `s3://data/${name}.jsonl`,
      output_path: `s3://predictions/${name}/`,
    });
    return body;
  }

  it('should count the files of versions, once where versions share them, and no longer once they are deleted', async () => {
    const [{ bytes }] = (await service.database.query(
      `select sum(size)::float8 as bytes from (select distinct sha256, size from version_files) files`,
    )) as [{ bytes: number }];
    expect((await storage()).artifact_bytes).toBe(bytes);
    expect((await acme.delete(`/api/v1/models/${models.alsoSlow}`)).status).toBeLessThan(300);
    const [{ left }] = (await service.database.query(
      `select sum(size)::float8 as left from (select distinct sha256, size from version_files) files`,
    )) as [{ left: number }];
    expect((await storage()).artifact_bytes).toBe(left);
    expect(await storage(await service.as('globex'))).toMatchObject({ artifact_bytes: 0 });
  });

  it('should count the log as it is written and pruned', async () => {
    const before = (await storage()).log_bytes;
    const answers = await Promise.all(Array.from({ length: 20 }, predict));
    await Promise.all(answers.map(untilLogged));
    const counted = (await storage()).log_bytes;
    const [{ bytes }] = (await service.database.query(
      `select sum(octet_length(features::text) + octet_length(output::text))::float8 as bytes from prediction_log`,
    )) as [{ bytes: number }];
    expect(counted).toBe(bytes);
    expect(counted).toBeGreaterThan(before);
    await service.database.query('delete from prediction_log');
    expect((await storage()).log_bytes).toBe(0);
    // A day that is dropped whole.
    await service.database.query(
      `insert into stored_items (tenant_id, kind, name, bytes) values ('acme-corp', 'log', '20200101', 5000)`,
    );
    await service.app.get(LogUpkeep, { strict: false }).prune();
    expect((await storage()).log_bytes).toBe(0);
  });

  it('should stop the log and no prediction, and let the log go on once there is room', async () => {
    const before = await refusedOfLog();
    await leave(0);
    while ((await refusedOfLog()) === before) {
      expect((await predict()).status).toBe(200);
      await sleep(100);
    }
    quotas.bytes = new QuotasConfig().bytes;
    for (let answer = await predict(); ; answer = await predict()) {
      await sleep(300);
      if ((await acme.get(`/api/v1/predictions/${answer.body.request_id}`)).status === 200) break;
    }
  });

  it('should count the output of a batch, and what replaces it', async () => {
    const before = (await storage()).object_bytes;
    const { job_id } = await score(5000, 'counted');
    expect((await acme.waitForJob(`${BATCH}/${job_id}`)).body).toMatchObject({ status: 'succeeded' });
    const listed = await acme.get('/api/v1/objects?prefix=s3://predictions/counted/&limit=200');
    const input = (await acme.get('/api/v1/objects?prefix=s3://data/&limit=200')).body.data as Row[];
    const bytes = [
      ...listed.body.data,
      ...input.filter(({ uri }) => uri === 's3://data/counted.jsonl'),
    ].reduce((sum: number, { size_bytes }: Row) => sum + Number(size_bytes), 0);
    while ((await storage()).reserved_bytes > 0) await sleep(50);
    expect((await storage()).object_bytes).toBe(before + bytes);
    await service.app.get(StorageRecount, { strict: false }).recount();
    expect((await storage()).object_bytes).toBe(before + bytes);
  });

  it('should fail a batch that writes past it, which leaves no part behind', async () => {
    const before = await storage();
    const rows = jsonLines(Array.from({ length: 60_000 }, (_, id) => ({ id, ...FEATURES })));
    expect((await acme.put('/api/v1/objects/data/long.jsonl', rows)).status).toBe(200);
    await leave(20_000);
    const { body } = await acme.post(BATCH, {
      model_id: models.churn,
      input_path: 's3://data/long.jsonl',
      output_path: 's3://predictions/long/',
    });
    const job = (await acme.waitForJob(`${BATCH}/${body.job_id}`)).body;
    expect(job).toMatchObject({
      status: 'failed',
      error: { code: 'QUOTA_EXCEEDED', message: expect.stringContaining(`${quotas.bytes} bytes`) },
    });
    // The worker clears up behind the end of the job: the parts first, then the room that was held for them.
    const left = () => acme.get('/api/v1/objects?prefix=s3://predictions/long/&limit=200');
    while ((await left()).body.data.length > 0) await sleep(50);
    while ((await storage()).reserved_bytes > before.reserved_bytes) await sleep(50);
  });

  it('should fail a training whose version has no room, and an export that finds none', async () => {
    await untilLogged(await predict());
    await leave(100);
    const training = await acme.post('/api/v1/training', {
      model_name: 'no room',
      framework: 'sklearn',
      data_config: { train_path: 's3://data/train.parquet', target_column: 'churned' },
      hyperparameters: { estimator: 'logistic_regression' },
    });
    const exported = await acme.post(`/api/v1/models/${models.churn}/predictions/export`, {
      output_path: 's3://predictions/log/churn.jsonl',
    });
    for (const [path, { status, body }] of [
      ['/api/v1/training', training],
      ['/api/v1/predictions/exports', exported],
    ] as const) {
      expect(status).toBe(202);
      expect((await acme.waitForJob(`${path}/${body.job_id}`)).body).toMatchObject({
        status: 'failed',
        error: { code: 'QUOTA_EXCEEDED' },
      });
    }
    while ((await storage()).reserved_bytes > 0) await sleep(50);
    expect((await acme.get('/api/v1/models/no%20room')).status).toBe(404);
  });
});
