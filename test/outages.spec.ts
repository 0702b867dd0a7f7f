import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../src/platform/database/database.js';
import { DatabaseUnavailable } from '../src/platform/database/database-unavailable.js';
import type { Answer, Client } from './support/client.js';
import { makeData } from './support/data.js';
import { required, Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

const ROW = { total_orders: 3, days_since_last_order: 190, avg_order_value: 12.5, support_tickets: 4 };

/** Servers that go away under a service that has a model loaded, and come back to it without its being restarted. */
describe('a service with a loaded model', () => {
  const rejections: unknown[] = [];
  const remember = (reason: unknown) => rejections.push(reason);

  let worker: Service;
  let service: Service;
  let acme: Client;
  let database: TcpProxy;
  let systemDatabase: TcpProxy;
  let redis: TcpProxy;
  let modelId: string;

  beforeAll(async () => {
    process.on('unhandledRejection', remember);
    database = await TcpProxy.to(required('MODELPLANE_TEST_APP_URL'));
    systemDatabase = await TcpProxy.to(required('MODELPLANE_TEST_APP_URL'));
    redis = await TcpProxy.to(required('MODELPLANE_TEST_REDIS_URL'));
    worker = await Service.start({
      role: 'all',
      env: { MODELPLANE_JOBS_RECONCILE_SECONDS: '1', REDIS_URL: redis.through() },
    });
    service = await Service.start({
      beside: worker,
      env: ({ appUrl, systemUrl }) => ({
        REDIS_URL: redis.through(),
        DATABASE_URL: database.through(appUrl),
        MODELPLANE_DATABASE_SYSTEM_URL: systemDatabase.through(systemUrl),
      }),
    });
    acme = await service.as('acme-corp');
    const files = await makeData('train.parquet');
    await acme.put('/api/v1/objects/data/train.parquet', files['train.parquet']);
    const { body } = await acme.waitForJob(await submit('loaded'));
    modelId = body.result.model_id;
    expect((await predict()).status).toBe(200);
  });
  afterAll(async () => {
    await service?.stop();
    await worker?.stop();
    await Promise.all([database.cut(), systemDatabase.cut(), redis.cut()]);
    process.off('unhandledRejection', remember);
    expect(rejections).toEqual([]);
  });

  async function submit(model_name: string): Promise<string> {
    const { status, body } = await acme.post('/api/v1/training', {
      model_name,
      framework: 'sklearn',
      data_config: { train_path: 's3://data/train.parquet', target_column: 'churned' },
      hyperparameters: { estimator: 'logistic_regression' },
    });
    expect([status, body.status]).toEqual([202, 'submitted']);
    return `/api/v1/training/${body.job_id}`;
  }

  const predict = (): Promise<Answer> =>
    acme.post('/api/v1/predictions', { model_id: modelId, version: '1.0.0', features: ROW });

  const register = (name: string): Promise<Answer> =>
    acme.post('/api/v1/models', { name, model_type: 'regression', framework: 'onnx' });

  async function bothDatabases(what: 'cut' | 'restore' | 'hang' | 'resume'): Promise<void> {
    await Promise.all([database[what](), systemDatabase[what]()]);
  }

  async function untilHealthy(): Promise<void> {
    while ((await acme.get('/healthcheck')).status !== 200) await sleep(50);
  }

  function expectDatabaseAway({ status, headers, body }: Answer): void {
    expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'DATABASE_UNAVAILABLE', '1']);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  }

  it.each<[string, () => Promise<void> | void, () => Promise<void> | void]>([
    ['is gone', () => bothDatabases('cut'), () => bothDatabases('restore')],
    ['hangs', () => bothDatabases('hang'), () => bothDatabases('resume')],
  ])(
    'should answer predictions, and 503 for all else, while the database %s',
    async (how, goAway, comeBack) => {
      await goAway();
      try {
        const answers = await Promise.all([
          acme.get('/api/v1/models'),
          acme.get(`/api/v1/models/${modelId}`),
          acme.get('/api/v1/training'),
          register(`while it ${how}`),
          acme.put(`/api/v1/models/${modelId}/stage`, { version: '1.0.0', target_stage: 'staging' }),
          // More than the pool has connections: those that wait for one are answered too.
          ...Array.from({ length: 12 }, () => acme.get('/api/v1/models')),
        ]);
        answers.forEach(expectDatabaseAway);
        expect((await predict()).status).toBe(200);
        expect((await acme.get('/healthcheck')).body).toMatchObject({ down: ['database'], redis: true });
        expect((await predict()).status).toBe(200);
      } finally {
        await comeBack();
      }
      await untilHealthy();
      while ((await acme.get('/api/v1/models')).status === 503) await sleep(50);
      expect((await register(`after it ${how}`)).status).toBe(201);
      expect((await acme.get(`/api/v1/models/${modelId}`)).status).toBe(200);
    },
  );

  it('should know a database that has gone between two statements of a transaction', async () => {
    const work = service.app.get(Database, { strict: false }).asTenant('acme-corp', async ({ manager }) => {
      const connection = (await manager.queryRunner?.connect()) as EventEmitter;
      const ended = new Promise((resolve) => connection.once('end', resolve));
      await database.cut();
      await ended;
      return manager.query('select 1');
    });
    await expect(work.finally(() => database.restore())).rejects.toThrow(DatabaseUnavailable);
    await untilHealthy();
  });

  it('should wait for a database that is slow', async () => {
    database.slowDown(60);
    try {
      expect((await acme.get('/api/v1/models')).status).toBe(200);
      expect((await register('slow')).status).toBe(201);
    } finally {
      database.slowDown(0);
    }
  });

  it.each<[string, () => Promise<void> | void, () => Promise<void> | void]>([
    ['is gone', () => redis.cut(), () => redis.restore()],
    ['hangs', () => redis.hang(), () => redis.resume()],
  ])(
    'should answer predictions and take jobs while Redis %s, and run them when it is back',
    async (how, goAway, comeBack) => {
      await goAway();
      let job: string;
      try {
        job = await submit(`while redis ${how}`);
        expect((await predict()).status).toBe(200);
        expect((await acme.get('/healthcheck')).body).toMatchObject({ down: ['redis'], database: true });
        expect((await acme.get(job)).body.status).toBe('submitted');
      } finally {
        await comeBack();
      }
      await untilHealthy();
      expect((await acme.waitForJob(job)).body.status).toBe('succeeded');
    },
  );

  it('should answer by what it knows of a model that is deleted while it cannot be asked about', async () => {
    const other = await worker.as('acme-corp');
    // The system's connection stays: it tells that there was a change, and not which.
    await database.cut();
    try {
      expect((await other.delete(`/api/v1/models/${modelId}`)).status).toBe(204);
      // Longer than it takes to hear of the change, or to look for it.
      for (const end = Date.now() + 2500; Date.now() < end; await sleep(50))
        expect((await predict()).status).toBe(200);
    } finally {
      await database.restore();
    }
    while ((await predict()).status === 200) await sleep(50);
    expect((await predict()).status).toBe(404);
  });
});
