import pg from 'pg';
import { Database } from '../src/platform/database/database.js';
import { JobReconciler } from '../src/platform/jobs/job-reconciler.js';
import { newId } from '../src/platform/http/identifiers.js';
import { Outbox } from '../src/platform/outbox/outbox.js';
import { OutboxSweeper } from '../src/platform/outbox/outbox-sweeper.js';
import { Client } from './support/client.js';
import { ApiProcess } from './support/processes.js';
import { Service } from './support/service.js';
import { fillVersion } from './support/versions.js';

interface Event {
  event_id: string;
  sequence: number;
  type: string;
  data: Record<string, unknown>;
  created_at: string;
}

describe('events', () => {
  let service: Service;
  let client: Client;
  let tenant = '';
  let count = 0;

  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    tenant = `tenant-${++count}`;
    client = await service.as(tenant);
  });

  const part = <T>(type: new (...args: never[]) => T): T => service.app.get(type, { strict: false });
  const read = async (query = '', from = client): Promise<Event[]> =>
    (await from.get(`/api/v1/events${query}`)).body.data;
  const register = async (name = 'churn'): Promise<string> => {
    const model = { name, model_type: 'classification', framework: 'sklearn' };
    return (await client.post('/api/v1/models', model)).body.model_id;
  };
  const move = (model: string, version: string, target_stage: string) =>
    client.put(`/api/v1/models/${model}/stage`, { version, target_stage });
  const typesAndData = (events: Event[]) => events.map(({ type, data }) => ({ type, data }));

  it('should tell of a model from its registration to its end, in order', async () => {
    const model_id = await register();
    await fillVersion(service.database, model_id, '1.0.0', 'production');
    await fillVersion(service.database, model_id, '1.1.0', 'staging');
    await move(model_id, '1.1.0', 'production');
    await move(model_id, '1.1.0', 'archived');
    await client.delete(`/api/v1/models/${model_id}`);
    const events = await read();
    const changed = (version: string, from_stage: string, to_stage: string) => ({
      type: 'model.stage_changed',
      data: { model_id, version, from_stage, to_stage },
    });
    expect(typesAndData(events)).toEqual([
      { type: 'model.registered', data: { model_id } },
      // By itself, with the promotion of its successor.
      changed('1.0.0', 'production', 'archived'),
      changed('1.1.0', 'staging', 'production'),
      changed('1.1.0', 'production', 'archived'),
      { type: 'model.deleted', data: { model_id } },
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(5);
    for (const { created_at } of events) expect(new Date(created_at).toISOString()).toBe(created_at);
  });

  it('should tell once that a job has ended: cancelled, or abandoned and cancelled or lost', async () => {
    const data_config = { train_path: `s3://tenants/${tenant}/x.csv`, target_column: 'y' };
    const request = { model_name: 'churn', framework: 'sklearn', data_config };
    const { job_id } = (await client.post('/api/v1/training', request)).body;
    expect(await read()).toEqual([]);
    expect((await client.delete(`/api/v1/training/${job_id}`)).status).toBe(200);
    expect((await client.delete(`/api/v1/training/${job_id}`)).status).toBe(409);
    const [stopped, lost] = [`train-${newId()}`, `train-${newId()}`];
    await service.database.query(
      `insert into jobs (id, tenant_id, kind, status, spec, submitted_by, engine, attempt, lease_until, cancel_requested_at)
       values ($1, $3, 'training', 'running', '{}', 'ana', 'local', 1, now() - interval '1 hour', now()),
              ($2, $3, 'training', 'running', '{}', 'ana', 'local', 20, now() - interval '1 hour', null)`,
      [stopped, lost, tenant],
    );
    await part(JobReconciler).reconcile();
    await part(JobReconciler).reconcile();
    const ended = (id: string, status: string, error_code: string | null = null) => ({
      type: 'job.ended',
      data: { job_id: id, kind: 'training', status, error_code },
    });
    const events = typesAndData(await read());
    expect(events).toHaveLength(3);
    expect(events).toEqual(
      expect.arrayContaining([
        ended(job_id, 'cancelled'),
        ended(stopped, 'cancelled'),
        ended(lost, 'failed', 'WORKER_LOST'),
      ]),
    );
  });

  it('should not be there where their change is not', async () => {
    const model_id = await register();
    expect((await move(model_id, '1.0.0', 'production')).status).toBe(409);
    const failing = part(Database).asTenant(tenant, async (scope) => {
      await part(Outbox).add(scope, { type: 'model.deleted', data: { model_id } });
      throw new Error('of the change');
    });
    await expect(failing).rejects.toThrow('of the change');
    await register('next');
    expect((await read()).map(({ sequence, type }) => [sequence, type])).toEqual([
      [1, 'model.registered'],
      [2, 'model.registered'],
    ]);
  });

  it('should neither be there nor change anything where the process is killed before it commits', async () => {
    const model_id = await register();
    await fillVersion(service.database, model_id, '1.0.0');
    // Of the role all, whose statements may wait for longer.
    const api = await ApiProcess.start(service, { MODELPLANE_ROLE: 'all' });
    const lock = new pg.Client({ connectionString: service.database.ownerUrl });
    await lock.connect();
    try {
      // The change is written by then, and waits to write its event.
      await lock.query('begin; lock table outbox in exclusive mode');
      const answer = new Client(api.url, client.token)
        .put(`/api/v1/models/${model_id}/stage`, { version: '1.0.0', target_stage: 'staging' })
        .catch(() => 'none');
      for (let waiting = 0; waiting === 0;) {
        const [found] = await service.database.query<{ n: number }>(
          `select count(*)::int as n from pg_locks where relation = 'outbox'::regclass and not granted`,
        );
        waiting = found?.n ?? 0;
      }
      await api.kill('SIGKILL');
      expect(await answer).toBe('none');
    } finally {
      await lock.end();
      await api.kill('SIGKILL');
    }
    // Waits for the lock that the killed process's transaction has until it is rolled back.
    await client.patch(`/api/v1/models/${model_id}`, { description: 'looked at' });
    expect((await client.get(`/api/v1/models/${model_id}`)).body.stage).toBe('development');
    expect((await read()).map(({ type }) => type)).toEqual(['model.registered']);
  });

  it('should be numbered as they commit, so that no reader passes one that commits late', async () => {
    const add = (work: () => Promise<unknown>, model_id: string) =>
      part(Database).asTenant(tenant, async (scope) => {
        await part(Outbox).add(scope, { type: 'model.deleted', data: { model_id } });
        await work();
      });
    let seen: Event[] = [];
    await add(async () => {
      await add(async () => undefined, 'second to be written');
      seen = await read();
    }, 'first to be written');
    expect(seen.map(({ sequence, data }) => [sequence, data.model_id])).toEqual([
      [1, 'second to be written'],
    ]);
    expect((await read('?after=1')).map(({ sequence, data }) => [sequence, data.model_id])).toEqual([
      [2, 'first to be written'],
    ]);
  });

  it('should not make transactions wait for each other in a circle', async () => {
    const model_id = await register();
    const database = part(Database);
    const event = { type: 'model.deleted', data: { model_id } } as const;
    let written: () => void = () => undefined;
    const firstHasWritten = new Promise<void>((resolve) => (written = resolve));
    const update = 'update models set updated_at = now() where tenant_id = $1 and id = $2';
    const second = database.asTenant(tenant, async (scope) => {
      await scope.manager.query(update, [tenant, model_id]);
      await firstHasWritten;
      await part(Outbox).add(scope, event);
    });
    const first = database.asTenant(tenant, async (scope) => {
      await part(Outbox).add(scope, event);
      written();
      await scope.manager.query(update, [tenant, model_id]);
    });
    await Promise.all([first, second]);
    expect((await read()).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it('should be read page by page, from where the reader has come to, and by type', async () => {
    const model_id = await register();
    await fillVersion(service.database, model_id, '1.0.0');
    for (const stage of ['staging', 'production', 'archived']) await move(model_id, '1.0.0', stage);
    const first = (await client.get('/api/v1/events?limit=3&after=1')).body;
    expect(first.data.map(({ sequence }: Event) => sequence)).toEqual([2, 3, 4]);
    expect(first.page).toEqual({ count: 3, next_cursor: null });
    const paged = (await client.get('/api/v1/events?limit=2')).body;
    const rest = (await client.get(`/api/v1/events?limit=2&cursor=${paged.page.next_cursor}`)).body;
    expect([...paged.data, ...rest.data].map(({ sequence }: Event) => sequence)).toEqual([1, 2, 3, 4]);
    expect(rest.page.next_cursor).toBeNull();
    const sequences = async (query: string) => (await read(query)).map(({ sequence }) => sequence);
    expect(await sequences('?type=model.stage_changed')).toEqual([2, 3, 4]);
    expect(await sequences('?type=model.*&after=2')).toEqual([3, 4]);
    expect(await sequences('?type=job.*')).toEqual([]);
    expect(await sequences('?after=9007199254740991')).toEqual([]);
  });

  it.each([
    ['type', 'model'],
    ['type', '*'],
    ['type', 'model.exploded'],
    ['type', ''],
    ['after', '-1'],
    ['after', '1.5'],
    ['after', 'NaN'],
    ['after', '9007199254740992'],
    ['limit', '0'],
    ['limit', '201'],
    ['cursor', 'none'],
    ['since', '1'],
  ])('should refuse %s=%s', async (name, value) => {
    const { status, body } = await client.get(`/api/v1/events?${name}=${value}`);
    expect([status, body.code, body.errors[0].pointer]).toEqual([400, 'INVALID_REQUEST', name]);
  });

  it('should not be those of another tenant, nor be numbered with them', async () => {
    await register('one');
    await register('two');
    const other = await service.as(`${tenant}-other`, 'viewer');
    expect(await read('', other)).toEqual([]);
    const { next_cursor } = (await client.get('/api/v1/events?limit=1')).body.page;
    expect((await other.get(`/api/v1/events?cursor=${next_cursor}`)).status).toBe(400);
    await (
      await service.as(`${tenant}-other`)
    ).post('/api/v1/models', {
      name: 'theirs',
      model_type: 'regression',
      framework: 'onnx',
    });
    expect((await read('', other)).map(({ sequence }) => sequence)).toEqual([1]);
    expect((await service.with(undefined).get('/api/v1/events')).status).toBe(401);
  });

  it('should be deleted when they are old, and go on with the next number', async () => {
    await register('old');
    await register('young');
    await service.database.query(
      `update outbox set created_at = now() - interval '7 days 1 hour' where tenant_id = $1 and sequence = 1`,
      [tenant],
    );
    await part(OutboxSweeper).sweep();
    expect((await read()).map(({ sequence }) => sequence)).toEqual([2]);
    await service.database.query(`update outbox set created_at = '2020-01-01' where tenant_id = $1`, [
      tenant,
    ]);
    await part(OutboxSweeper).sweep();
    await register('next');
    expect((await read()).map(({ sequence }) => sequence)).toEqual([3]);
  });
});
