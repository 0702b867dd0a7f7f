import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../src/platform/database/database.js';
import { DatabaseUnavailable } from '../src/platform/database/database-unavailable.js';
import { runInContext } from '../src/platform/observability/request-context.js';
import type { Answer, Client } from './support/client.js';
import { OwnPostgres } from './support/own-postgres.js';
import { Service } from './support/service.js';

const MODEL = { model_type: 'regression', framework: 'onnx' };
const TRAINING = {
  model_name: 'frozen',
  framework: 'sklearn',
  data_config: { train_path: 's3://data/x.csv', target_column: 'y' },
};
const ABSENT = '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e';
/** Answers are due within 3 s. This is far more, and less than the 30 s that a job's statement may take. */
const FAR_TOO_LONG_MS = 20_000;

let postgres: OwnPostgres;
beforeAll(async () => {
  postgres = await OwnPostgres.start();
});
afterAll(() => postgres?.stop());

/**
 * PostgreSQL whose processes are all stopped, as on a machine that hangs: connections stay open, new ones are made, and
 * nothing is ever answered.
 */
describe.each(['api', 'all'] as const)('a service of the role %s whose PostgreSQL is frozen', (role) => {
  let service: Service;
  let acme: Client;
  let key: Client;
  let model: string;

  beforeAll(async () => {
    service = await Service.start({
      role,
      env: { DATABASE_URL: postgres.appUrl, MODELPLANE_DATABASE_SYSTEM_URL: postgres.systemUrl },
    });
    acme = await service.as('acme-corp');
    key = service.with((await acme.post('/api/v1/api-keys', { name: role, roles: ['admin'] })).body.key);
    model = (await acme.post('/api/v1/models', { ...MODEL, name: `before ${role}` })).body.model_id;
  });
  afterEach(() => backAgain());
  afterAll(async () => {
    postgres?.thaw();
    await service?.stop();
  });

  async function backAgain(): Promise<void> {
    postgres.thaw();
    while ((await acme.get('/healthcheck')).status !== 200) await sleep(50);
    while ((await acme.get('/api/v1/models')).status !== 200) await sleep(50);
  }

  /** One request of every kind. */
  function all(name: string): Promise<Answer[]> {
    const once = () => ({ 'idempotency-key': randomUUID() });
    return Promise.all([
      acme.get('/api/v1/models'),
      acme.get(`/api/v1/models/${model}`),
      acme.patch(`/api/v1/models/${model}`, { description: name }),
      acme.post('/api/v1/models', { ...MODEL, name: `${name} ${role}` }),
      acme.post('/api/v1/models', { ...MODEL, name: `${name} ${role} once` }, once()),
      acme.put(`/api/v1/models/${model}/prediction-log`, { sample_rate: 0.5 }),
      acme.post('/api/v1/training', TRAINING),
      acme.post('/api/v1/training', TRAINING, once()),
      acme.get(`/api/v1/training/train-${ABSENT}/logs`),
      acme.get(`/api/v1/training/train-${ABSENT}/events`),
      acme.post(`/api/v1/training/train-${ABSENT}/rerun`),
      acme.post('/api/v1/predictions', { model_id: model, features: { a: 1 } }),
      acme.get('/api/v1/jobs'),
      acme.get('/api/v1/schedules'),
      acme.get('/api/v1/events'),
      acme.get('/api/v1/api-keys'),
      key.get('/api/v1/jobs'),
    ]);
  }

  it.each([
    [1, 'with connections that are idle'],
    [2, 'once more'],
  ])(
    'should answer 503 to every request, time %i, %s, and work again when it goes on',
    async (round) => {
      postgres.freeze();
      const [answers, health, metrics] = await Promise.all([
        all(`frozen ${round}`),
        acme.get('/healthcheck'),
        acme.get('/metrics'),
      ]);
      for (const answer of answers) {
        const { status, body, headers } = answer;
        expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'DATABASE_UNAVAILABLE', '1']);
      }
      expect(health.body).toMatchObject({ down: ['database'], redis: true });
      expect(metrics.status).toBe(200);

      await backAgain();
      const again = await all(`thawed ${round}`);
      expect(again.map(({ status }) => status)).toEqual([
        ...[200, 200, 200, 201, 201, 200, 202, 202, 404, 404, 404, 409, 200, 200, 200, 200, 200],
      ]);
    },
    FAR_TOO_LONG_MS,
  );

  it(
    'should answer those that wait for a connection of the pool',
    async () => {
      postgres.freeze();
      const answers = await Promise.all(Array.from({ length: 60 }, () => acme.get('/api/v1/jobs')));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
    },
    FAR_TOO_LONG_MS,
  );

  it(
    'should give a request up between two statements of its transaction, and let go of its connection',
    async () => {
      const database = service.app.get(Database, { strict: false });
      const work = runInContext({ requestId: 'req-x' }, () =>
        database.inOneTransaction('acme-corp', async ({ manager }) => {
          postgres.freeze();
          return manager.query('select 1');
        }),
      );
      await expect(work).rejects.toThrow(DatabaseUnavailable);
      await backAgain();
      const answers = await Promise.all(Array.from({ length: 30 }, () => acme.get('/api/v1/jobs')));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    },
    FAR_TOO_LONG_MS,
  );

  it('should let what is no request wait for a statement as long as its role may', async () => {
    const seconds = role === 'all' ? 4 : 1;
    const database = service.app.get(Database, { strict: false });
    // The connection has just served a request, of which nothing must be left.
    await acme.get('/api/v1/jobs');
    const slow = database.asTenant('acme-corp', ({ manager }) =>
      manager.query('select pg_sleep($1)', [seconds]),
    );
    await expect(slow).resolves.toHaveLength(1);
  });
});
