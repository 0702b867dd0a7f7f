import { IdempotencySweeper } from '../src/platform/idempotency/idempotency-sweeper.js';
import type { Client } from './support/client.js';
import { Service } from './support/service.js';

const MODEL = { name: 'churn', model_type: 'classification', framework: 'sklearn' };
const TRAINING = {
  model_name: 'churn',
  framework: 'sklearn',
  data_config: { train_path: 's3://data/x.csv', target_column: 'y' },
};

describe('Idempotency-Key', () => {
  let service: Service;
  let acme: Client;
  let key = 0;
  let header: { 'idempotency-key': string };

  beforeAll(async () => {
    service = await Service.start();
    acme = await service.as('acme-corp');
  });
  afterAll(() => service?.stop());
  beforeEach(() => {
    header = { 'idempotency-key': `key-${++key}` };
  });

  const named = (name: string) => ({ ...MODEL, name });
  const count = async (table: string) => {
    const [row] = await service.database.query<{ n: number }>(`select count(*)::int as n from ${table}`);
    return row?.n;
  };

  it('should answer a repeated request as the first time and create nothing', async () => {
    const first = await acme.post('/api/v1/models', named('once'), header);
    const models = await count('models');
    const again = await acme.post('/api/v1/models', named('once'), header);
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body));
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(await count('models')).toBe(models);
  });

  it('should submit a job once, with its own status', async () => {
    const jobs = Number(await count('jobs'));
    const first = await acme.post('/api/v1/training', TRAINING, header);
    const again = await acme.post('/api/v1/training', TRAINING, header);
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body).toEqual(first.body);
    expect(await count('jobs')).toBe(jobs + 1);
  });

  it('should refuse the key with another body or path, and change nothing', async () => {
    await acme.post('/api/v1/models', named('mine'), header);
    const other = await acme.post('/api/v1/models', named('other'), header);
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
    expect((await acme.post('/api/v1/training', TRAINING, header)).status).toBe(422);
    expect((await acme.get('/api/v1/models?name=other')).body.data).toEqual([]);
  });

  it('should create one thing of 20 requests at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => acme.post('/api/v1/training', TRAINING, header)),
    );
    const done = answers.filter(({ status }) => status === 202);
    expect(done.length).toBeGreaterThan(0);
    expect(new Set(done.map(({ body }) => body.job_id)).size).toBe(1);
    for (const { status, body, headers } of answers.filter((answer) => answer.status !== 202)) {
      expect([status, body.code, headers.get('retry-after')]).toEqual([409, 'IDEMPOTENCY_IN_FLIGHT', '1']);
    }
    expect((await acme.post('/api/v1/training', TRAINING, header)).body).toEqual(done[0]?.body);
  });

  it('should keep nothing of a request that failed, so that it can be mended and repeated', async () => {
    expect((await acme.post('/api/v1/models', { ...MODEL, name: 7 }, header)).status).toBe(400);
    expect((await acme.post('/api/v1/models', named('mended'), header)).status).toBe(201);
    const conflict = { 'idempotency-key': 'conflict' };
    expect((await acme.post('/api/v1/models', named('mended'), conflict)).status).toBe(409);
    expect((await acme.post('/api/v1/models', named('mended too'), conflict)).status).toBe(201);
  });

  it('should commit the answer with what was created, or neither', async () => {
    await service.database.query(
      'alter table idempotency_keys add constraint no check (status <> 201) not valid',
    );
    try {
      expect((await acme.post('/api/v1/models', named('neither'), header)).status).toBe(500);
      expect((await acme.get('/api/v1/models?name=neither')).body.data).toEqual([]);
    } finally {
      await service.database.query('alter table idempotency_keys drop constraint no');
    }
    expect((await acme.post('/api/v1/models', named('neither'), header)).status).toBe(201);
  });

  it("should be a tenant's own", async () => {
    const globex = await service.as('globex');
    const [ours, theirs] = [
      await acme.post('/api/v1/models', named('shared'), header),
      await globex.post('/api/v1/models', named('shared'), header),
    ];
    expect([ours.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.headers.get('idempotency-replayed')).toBeNull();
    expect(theirs.body.tenant_id).toBe('globex');
  });

  it('should not answer a caller who may not create', async () => {
    await acme.post('/api/v1/models', named('guarded'), header);
    const viewer = await service.as('acme-corp', 'viewer');
    expect((await viewer.post('/api/v1/models', named('guarded'), header)).status).toBe(403);
  });

  it.each(['', 'two words', 'x'.repeat(256)])('should answer 400 for the key %j', async (bad) => {
    const { status, body } = await acme.post('/api/v1/models', named('bad'), { 'idempotency-key': bad });
    expect([status, body.errors]).toEqual([
      400,
      [{ pointer: 'Idempotency-Key', message: expect.stringContaining('255') }],
    ]);
  });

  it('should be forgotten after 24 hours, even before it is swept', async () => {
    const age = (hours: number) =>
      service.database.query(`update idempotency_keys set created_at = now() - make_interval(hours => $1)`, [
        hours,
      ]);
    await acme.post('/api/v1/models', named('old'), header);
    await age(23);
    expect((await acme.post('/api/v1/models', named('new'), header)).status).toBe(422);
    await age(25);
    expect((await acme.post('/api/v1/models', named('new'), header)).status).toBe(201);
    await age(23);
    await service.app.get(IdempotencySweeper, { strict: false }).sweep();
    expect(await count('idempotency_keys')).toBeGreaterThan(0);
    await age(25);
    await service.app.get(IdempotencySweeper, { strict: false }).sweep();
    expect(await count('idempotency_keys')).toBe(0);
  });
});
