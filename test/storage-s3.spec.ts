import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { makeData } from './support/data.js';
import { loadConfig, RuntimeConfig, S3Config, StorageConfig } from '../src/config/index.js';
import { openObjectStore } from '../src/platform/storage/open-object-store.js';
import { readOutput, rowsOf } from './support/batches.js';
import type { Client } from './support/client.js';
import { FeatureScene, hoursAgo } from './support/feature-scene.js';
import { onS3 } from './support/s3.js';
import { Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

const CUSTOMER = { total_orders: 15, days_since_last_order: 45, avg_order_value: 125.5, support_tickets: 3 };
const SUBSCRIBER = {
  'tenure months': 5,
  monthly_charges: null,
  contract: 'one year',
  zahlungsart: 'Kreditkarte',
  paperless: true,
};

describe('a service whose objects lie on an S3 server', () => {
  let service: Service;
  let acme: Client;
  let proxy: TcpProxy;
  let cardPath: string;
  let files: Record<string, Buffer>;

  beforeAll(async () => {
    proxy = await TcpProxy.to(onS3().AWS_ENDPOINT_URL_S3 as string);
    service = await Service.start({
      role: 'all',
      env: {
        ...onS3(proxy.through()),
        MODELPLANE_S3_TIMEOUT_SECONDS: '5',
        MODELPLANE_JOBS_RETRY_SECONDS: '1',
        MODELPLANE_JOBS_MAX_ATTEMPTS: '10',
      },
    });
    acme = await service.as('acme-corp');
    files = await makeData(
      'train.parquet',
      'subscribers.csv',
      'spend.jsonl',
      'dated.parquet',
      'long.parquet',
    );
  }, 180_000);
  afterAll(async () => {
    await service?.stop();
    await proxy?.cut();
  });

  const train = (path: string, target_column: string, model_name: string) =>
    acme.post('/api/v1/training', {
      model_name,
      framework: 'sklearn',
      data_config: { train_path: path, target_column },
      hyperparameters: { estimator: 'hist_gradient_boosting' },
    });

  it.each([
    ['train.parquet', 'churned', CUSTOMER],
    ['subscribers.csv', 'churn', SUBSCRIBER],
    ['spend.jsonl', 'yearly_spend', CUSTOMER],
  ])('should train on %s, promote, predict and score files', async (file, target, features) => {
    expect((await acme.put(`/api/v1/objects/data/${file}`, files[file])).status).toBe(200);
    const { body: submitted } = await train(`s3://data/${file}`, target, target);
    const { body: job } = await acme.waitForJob(`/api/v1/training/${submitted.job_id}`, 100_000);
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    const { model_id, version } = job.result;
    for (const target_stage of ['staging', 'production']) {
      const moved = await acme.put(`/api/v1/models/${model_id}/stage`, { version, target_stage });
      expect(moved.status).toBe(200);
    }
    const { status, body } = await acme.post('/api/v1/predictions', { model_id, features });
    expect([status, body.version]).toEqual([200, version]);

    const output = `data/scored-${target}`;
    const batch = await acme.post('/api/v1/predictions/batch', {
      model_id,
      input_path: `s3://data/${file}`,
      output_path: `s3://${output}/`,
    });
    const path = `/api/v1/predictions/batch/${batch.body.job_id}`;
    const { body: scored } = await acme.waitForJob(path, 100_000);
    expect(scored).toMatchObject({ status: 'succeeded', error: null, version });
    const rows = await rowsOf(await readOutput(acme, output));
    expect(rows).toHaveLength(scored.result.rows_scored);
  });

  it('should train on dates, with validation data and calibration, and read the card back', async () => {
    for (const name of ['seen', 'held']) {
      expect(
        (await acme.put(`/api/v1/objects/data/dates-${name}.parquet`, files['dated.parquet'])).status,
      ).toBe(200);
    }
    const paths = {
      train_path: 's3://data/dates-seen.parquet',
      validation_path: 's3://data/dates-held.parquet',
    };
    const { body: submitted } = await acme.post('/api/v1/training', {
      model_name: 'dated',
      framework: 'sklearn',
      data_config: { ...paths, target_column: 'churned' },
      training_config: { calibration: 'sigmoid' },
    });
    const { body: job } = await acme.waitForJob(`/api/v1/training/${submitted.job_id}`, 100_000);
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    const { model_id, version } = job.result;
    cardPath = `/api/v1/models/${model_id}/versions/${version}/card`;
    const { body: card } = await acme.get(cardPath);
    expect(card).toMatchObject({
      model: { calibration: 'sigmoid' },
      data: { rows_train: 500, rows_validation: 500 },
    });
    const features = { orders: 12, joined: '2023-09-14T10:30:00+02:00' };
    const answer = await acme.post('/api/v1/predictions', { model_id, version, features });
    expect(answer).toMatchObject({ status: 200, body: { prediction: ['yes'] } });
  });

  it('should look at the beginning of large data and at the whole of small', async () => {
    const look = async (file: string, target_column: string) => {
      expect(await acme.put(`/api/v1/objects/data/${file}`, files[file])).toMatchObject({ status: 200 });
      const data_config = { train_path: `s3://data/${file}`, target_column };
      return acme.post('/api/v1/training/validate', { model_name: 'x', framework: 'sklearn', data_config });
    };
    const whole = { is_trainable: true, is_complete: true };
    expect(await look('subscribers.csv', 'churn')).toMatchObject({ body: { ...whole, rows_read: 800 } });
    expect(await look('dated.parquet', 'churned')).toMatchObject({ body: { ...whole, rows_read: 500 } });
    const beginning = { is_trainable: true, is_complete: false, rows_read: 20_000 };
    expect(await look('long.parquet', 'churned')).toMatchObject({ body: beginning });
  });

  it('should put features online and join them, of files and of rows that were pushed', async () => {
    const scene = await FeatureScene.on(service);
    const rest = { avg_order_value: 10, days_since_last_order: 1 };
    await scene.view('customer_features', [
      { customer_id: 'one', ts: hoursAgo(5), total_orders: 1, ...rest },
    ]);
    const pushed = { customer_id: 'two', event_timestamp: hoursAgo(4), total_orders: 2, ...rest };
    expect((await scene.push('customer_features', [pushed], 'offline')).status).toBe(200);
    expect(await scene.materialize('customer_features')).toMatchObject({ rows_read: 2, written: 2 });
    const reference = 'customer_features:total_orders';
    expect(await scene.online(reference, 'one', 'two')).toEqual([1, 2]);
    const entity_rows = ['two', 'one'].map((customer_id) => ({ customer_id, event_timestamp: hoursAgo(1) }));
    const { rows } = await scene.join({ feature_refs: [reference], entity_rows });
    expect(rows.map(({ total_orders }) => total_orders)).toEqual([2, 1]);
  });

  it('should keep no object in its folder, and no secret in a spec, an event or a log', async () => {
    expect(await readdir(service.stateDir)).not.toContain('objects');
    const secrets = [service.environment.AWS_SECRET_ACCESS_KEY as string];
    const rows = await service.database.query(
      `select to_jsonb(j)::text as text from jobs j union all select to_jsonb(e)::text from job_events e`,
    );
    expect(rows.length).toBeGreaterThan(5);
    for (const secret of secrets) expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it('should list and read ranges of what was written', async () => {
    await acme.put('/api/v1/objects/data/digits.txt', '0123456789');
    const list = await acme.get('/api/v1/objects?prefix=s3://data/');
    expect(list.body.data.map(({ uri }: { uri: string }) => uri)).toContain('s3://data/digits.txt');
    const part = await acme.get('/api/v1/objects/data/digits.txt', { range: 'bytes=2-4' });
    expect([part.status, part.body]).toEqual([206, '234']);
    const past = await acme.get('/api/v1/objects/data/digits.txt', { range: 'bytes=10-' });
    expect([past.status, past.headers.get('content-range')]).toEqual([416, 'bytes */10']);
  });

  it('should take what is written in several parts, and give it back', async () => {
    const large = randomBytes(10_000_000).toString('hex');
    const put = await acme.put('/api/v1/objects/data/large.txt', large);
    expect([put.status, put.body]).toMatchObject([200, { size_bytes: large.length }]);
    expect((await acme.get('/api/v1/objects/data/large.txt')).body === large).toBe(true);
  });

  it('should fail a job whose data is not there', async () => {
    const { body } = await train('s3://data/nothing.csv', 'y', 'nothing');
    const { body: job } = await acme.waitForJob(`/api/v1/training/${body.job_id}`);
    expect(job.error.code).toBe('NOT_FOUND');
  });

  it('should answer 503 with a sentence while the server is away, and go on when it is back', async () => {
    await proxy.cut();
    for (const answer of [
      await acme.get('/api/v1/objects/data/digits.txt'),
      await acme.put('/api/v1/objects/data/new.txt', 'new'),
      await acme.get('/api/v1/objects?prefix=s3://data/'),
      await acme.get(cardPath),
    ]) {
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('5');
      expect(answer.body).toMatchObject({ code: 'OBJECT_STORE_UNAVAILABLE' });
      expect(answer.body.detail).toMatch(/^the object store .*try again\.$/);
    }
    const health = await acme.get('/healthcheck');
    expect([health.status, health.body]).toMatchObject([503, { down: ['object_store'], database: true }]);
    await proxy.restore();
    expect((await acme.get('/api/v1/objects/data/digits.txt')).body).toBe('0123456789');
    expect((await acme.get('/api/v1/objects/data/new.txt')).status).toBe(404);
  });

  it('should say at once that the server is away to whoever waits for a look at data', async () => {
    await proxy.cut();
    const { status, body } = await acme
      .post('/api/v1/training/validate', {
        model_name: 'away',
        framework: 'sklearn',
        data_config: { train_path: 's3://data/train.parquet', target_column: 'churned' },
      })
      .finally(() => proxy.restore());
    expect([status, body.code]).toEqual([503, 'OBJECT_STORE_UNAVAILABLE']);
  });

  it('should try a job again that finds the server away, and end it when the server is back', async () => {
    const { body: submitted } = await train('s3://data/train.parquet', 'churned', 'away');
    await proxy.cut();
    const job = `/api/v1/training/${submitted.job_id}`;
    for (let tried = false; !tried;) {
      const { body: page } = await acme.get(`${job}/logs`);
      tried = page.data.some(({ message }: { message: string }) =>
        /^attempt 1 stopped: .*store/.test(message),
      );
    }
    await proxy.restore();
    expect((await acme.waitForJob(job, 100_000)).body).toMatchObject({ status: 'succeeded', error: null });
  });

  it('should not start in production without its buckets, and name the first that is missing', async () => {
    const config = loadConfig({ ...service.environment, ...onS3() });
    const production = Object.assign(new RuntimeConfig(), { environment: 'production' });
    await expect(
      openObjectStore(production, config.get(StorageConfig), config.get(S3Config)),
    ).rejects.toThrow(`the object store has no bucket ${config.get(S3Config).bucketPrefix}modelplane`);
  });
});
