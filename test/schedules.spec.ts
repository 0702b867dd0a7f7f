import pg from 'pg';
import { Schedulables } from '../src/platform/tasks/schedules/schedulables.js';
import { ScheduleRunner } from '../src/platform/tasks/schedules/schedule-runner.js';
import type { Client } from './support/client.js';
import { WorkerProcess } from './support/processes.js';
import { Service } from './support/service.js';
import { fillVersion } from './support/versions.js';

const LIMIT = 8;

interface Job {
  id: string;
  kind: string;
  submitted_by: string;
}

describe('schedules', () => {
  let service: Service;
  let client: Client;
  let tenant = '';
  let count = 0;

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_SCHEDULES_PER_TENANT: String(LIMIT) } });
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    // Each begins with no schedule that is due, and in a tenant of its own.
    await service.database.query('delete from schedules');
    tenant = `tenant-${++count}`;
    client = await service.as(tenant);
  });

  const part = <T>(type: new (...args: never[]) => T, of = service): T => of.app.get(type, { strict: false });
  const runDue = (of = service): Promise<void> => part(ScheduleRunner, of).runDue();

  const training = () => ({
    name: 'weekly training',
    kind: 'training',
    cron: '0 3 * * 1',
    time_zone: 'Europe/Berlin',
    request: {
      model_name: 'churn',
      framework: 'sklearn',
      data_config: { train_path: `s3://tenants/${tenant}/train.csv`, target_column: 'y' },
    },
  });

  /** Of a model that is there, with rows to score. */
  async function batch(output = 'scores') {
    const model = { name: `of ${output}`, model_type: 'classification', framework: 'sklearn' };
    const { model_id } = (await client.post('/api/v1/models', model)).body;
    await fillVersion(service.database, model_id, '1.0.0', 'production');
    await client.put(`/api/v1/objects/tenants/${tenant}/rows.csv`, 'total_orders\n1\n', {
      'content-type': 'text/csv',
    });
    const request = {
      model_id: model_id as string,
      input_path: `s3://tenants/${tenant}/rows.csv`,
      output_path: `s3://tenants/${tenant}/${output}/`,
    };
    return { name: 'nightly scores', kind: 'batch', cron: '30 2 * * *', request };
  }

  async function create(dto: object = training()): Promise<string> {
    const { status, body } = await client.post('/api/v1/schedules', dto);
    expect([status, body]).toEqual([201, expect.anything()]);
    return `/api/v1/schedules/${body.schedule_id}`;
  }

  /** As if the schedule's turn had been so long ago. */
  const becomeDue = (path: string, ago: string) =>
    service.database.query(
      `update schedules set next_run_at = date_trunc('milliseconds', now()) - $2::interval where id = $1`,
      [path.split('/').at(-1), ago],
    );

  const jobs = (of = tenant) =>
    service.database.query<Job>('select id, kind, submitted_by from jobs where tenant_id = $1 order by id', [
      of,
    ]);

  it('should be made with what they submit and when, and be read again', async () => {
    const { status, body, headers } = await client.post('/api/v1/schedules', training());
    expect([status, body]).toEqual([
      201,
      {
        ...training(),
        schedule_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        enabled: true,
        next_run_at: expect.stringMatching(/T0[12]:00:00\.000Z$/),
        last_run: null,
        created_by: `admin@${tenant}.example`,
        created_at: expect.any(String),
        updated_at: expect.any(String),
      },
    ]);
    expect(new Date(body.next_run_at).getUTCDay()).toBe(1);
    const path = `/api/v1/schedules/${body.schedule_id}`;
    const read = await client.get(path);
    expect(read.body).toEqual(body);
    expect(read.headers.get('etag')).toBe(headers.get('etag'));
    const other = await batch();
    const { body: second } = await client.post('/api/v1/schedules', { ...other, enabled: false });
    expect(second).toMatchObject({ ...other, time_zone: 'UTC', enabled: false, next_run_at: null });
    const { data, page } = (await client.get('/api/v1/schedules?limit=1')).body;
    expect(data).toEqual([second]);
    const next = (await client.get(`/api/v1/schedules?limit=1&cursor=${page.next_cursor}`)).body;
    expect(next).toEqual({ data: [body], page: { count: 1, next_cursor: null } });
  });

  it('should be made once by the same Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'once' };
    const [first, again] = [
      await client.post('/api/v1/schedules', training(), key),
      await client.post('/api/v1/schedules', training(), key),
    ];
    expect([first.status, again.status, again.body]).toEqual([201, 201, first.body]);
    expect((await client.get('/api/v1/schedules')).body.data).toHaveLength(1);
  });

  const BERLIN = 'Europe/Berlin';
  it.each<[string, object, number, string]>([
    ['no name', { name: undefined }, 400, '/name'],
    ['an empty name', { name: '' }, 400, '/name'],
    ['a name with a control character', { name: 'a\u0000b' }, 400, '/name'],
    ['a name that is too long', { name: 'n'.repeat(129) }, 400, '/name'],
    ['no kind', { kind: undefined }, 400, '/kind'],
    ['a kind that cannot be scheduled', { kind: 'prediction' }, 422, '/kind'],
    ['a kind of another type', { kind: ['training'] }, 400, '/kind'],
    ['no cron', { cron: undefined }, 400, '/cron'],
    ['cron of six fields', { cron: '0 0 3 * * 1' }, 400, '/cron'],
    ['cron with an hour that there is not', { cron: '0 24 * * *' }, 400, '/cron'],
    ['cron as a nickname', { cron: '@daily' }, 400, '/cron'],
    ['cron of another type', { cron: 5 }, 400, '/cron'],
    ['cron that is very long', { cron: `${'1,'.repeat(200)}1 * * * *` }, 400, '/cron'],
    ['30 February', { cron: '0 0 30 2 *' }, 422, '/cron'],
    ['30 February that is not enabled', { cron: '0 0 30 2 *', enabled: false }, 422, '/cron'],
    ['a time zone that there is not', { time_zone: 'Europe/Bärlin' }, 400, '/time_zone'],
    ['an offset for a time zone', { time_zone: '+02:00' }, 400, '/time_zone'],
    ['null for a time zone', { time_zone: null }, 400, '/time_zone'],
    ['a text for enabled', { enabled: 'yes' }, 400, '/enabled'],
    ['no request', { request: undefined }, 400, '/request'],
    ['null for a request', { request: null }, 400, '/request'],
    ['a list for a request', { request: [] }, 400, '/request'],
    ['an empty request', { request: {} }, 400, '/request/model_name'],
    ['an unknown field', { timezone: BERLIN }, 400, '/timezone'],
  ])('should be refused for %s', async (_, fault, status, pointer) => {
    const answer = await client.post('/api/v1/schedules', { ...training(), ...fault });
    expect([answer.status, answer.body.errors?.map((error: { pointer: string }) => error.pointer)]).toEqual([
      status,
      expect.arrayContaining([pointer]),
    ]);
    expect((await client.get('/api/v1/schedules')).body.data).toEqual([]);
  });

  it('should name the kinds that there are', async () => {
    const { body } = await client.post('/api/v1/schedules', { ...training(), kind: 'none' });
    expect(body.detail).toBe('/kind must be one of batch, feature-materialization, training, tuning');
  });

  it.each([
    ['an unknown field', { epochs: 1 }, 400, '/request/epochs'],
    ['an ill-typed field', { framework: 7 }, 400, '/request/framework'],
    [
      'a hyperparameter that there is not',
      { hyperparameters: { depth_max: 3 } },
      422,
      '/request/hyperparameters/depth_max',
    ],
    [
      'a path outside of the grants',
      { data_config: { train_path: 's3://tenants/someone/x.csv', target_column: 'y' } },
      403,
      '/request/data_config/train_path',
    ],
  ])(
    "should be refused for %s of the request, as the kind's own POST does",
    async (_, fault, status, pointer) => {
      const request = { ...training().request, ...fault };
      const own = await client.post('/api/v1/training', request);
      const { body, status: found } = await client.post('/api/v1/schedules', { ...training(), request });
      expect([own.status, own.body.errors[0].pointer]).toEqual([status, pointer.replace('/request', '')]);
      expect([found, body.code, body.errors[0]]).toEqual([
        status,
        own.body.code,
        { ...own.body.errors[0], pointer },
      ]);
      expect(await jobs()).toEqual([]);
    },
  );

  it('should be refused for a model that there is not, and taken before there is any input', async () => {
    const dto = await batch();
    const unknown = { ...dto.request, model_id: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e' };
    const { status, body } = await client.post('/api/v1/schedules', { ...dto, request: unknown });
    expect([status, body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    await create({ ...dto, request: { ...dto.request, input_path: `s3://tenants/${tenant}/tomorrow.csv` } });
  });

  it('should ask for the role that the kind asks for', async () => {
    const predictor = await service.as(tenant, 'predictor');
    const viewer = await service.as(tenant, 'viewer');
    const dto = await batch();
    expect((await viewer.post('/api/v1/schedules', dto)).status).toBe(403);
    expect((await predictor.post('/api/v1/schedules', dto)).status).toBe(201);
    expect((await predictor.post('/api/v1/schedules', training())).status).toBe(403);
    const path = await create();
    for (const { status } of [
      await predictor.patch(path, { enabled: false }),
      await predictor.post(`${path}/run`),
      await predictor.delete(path),
      await viewer.delete(path),
    ])
      expect(status).toBe(403);
    expect((await viewer.get(path)).body.enabled).toBe(true);
  });

  it('should be no more than a tenant may have, however many are made at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: LIMIT + 4 }, () => client.post('/api/v1/schedules', training())),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(LIMIT);
    const { body } = answers.find(({ status }) => status !== 201)!;
    expect([body.code, body.detail]).toEqual([
      'VALIDATION_ERROR',
      expect.stringContaining(`has ${LIMIT} schedules`),
    ]);
    const [{ schedule_id }] = (await client.get('/api/v1/schedules')).body.data;
    await client.delete(`/api/v1/schedules/${schedule_id}`);
    await create();
  });

  describe('changed', () => {
    it('should keep what is not named, and their next turn unless the time is another', async () => {
      const path = await create();
      const before = (await client.get(path)).body;
      const renamed = (await client.patch(path, { name: 'renamed' })).body;
      expect(renamed).toEqual({ ...before, name: 'renamed', updated_at: renamed.updated_at });
      await becomeDue(path, '1 hour');
      const due = (await client.get(path)).body.next_run_at;
      const request = { ...training().request, model_name: 'other' };
      expect((await client.patch(path, { request, enabled: true })).body).toMatchObject({
        request,
        next_run_at: due,
      });
      const paused = await client.patch(path, { enabled: false });
      expect(paused.body).toMatchObject({ enabled: false, next_run_at: null });
      await runDue();
      expect(await jobs()).toEqual([]);
      const resumed = (await client.patch(path, { enabled: true, cron: '0 0 1 1 *', time_zone: 'UTC' })).body;
      expect(resumed.next_run_at).toMatch(/-01-01T00:00:00.000Z$/);
      expect(new Date(resumed.next_run_at).getTime()).toBeGreaterThan(Date.now());
    });

    it.each<[object, number, string]>([
      [{ kind: 'batch' }, 400, '/kind'],
      [{ name: null }, 400, '/name'],
      [{ cron: '* * *' }, 400, '/cron'],
      [{ cron: '0 0 31 2 *' }, 422, '/cron'],
      [{ time_zone: 'Mars/Olympus' }, 400, '/time_zone'],
      [{ request: { model_name: 'x' } }, 400, '/request/framework'],
      [{ next_run_at: '2026-01-01T00:00:00Z' }, 400, '/next_run_at'],
    ])('should not be changed to %j', async (change, status, pointer) => {
      const path = await create();
      const before = (await client.get(path)).body;
      const answer = await client.patch(path, change);
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([status, pointer]);
      expect((await client.get(path)).body).toEqual(before);
    });

    it('should be in the state that If-Match names', async () => {
      const path = await create();
      const seen = { 'if-match': (await client.get(path)).headers.get('etag')! };
      const first = await client.patch(path, { name: 'first' }, seen);
      const second = await client.patch(path, { name: 'second' }, seen);
      expect([first.status, second.status, second.body.code]).toEqual([200, 412, 'PRECONDITION_FAILED']);
      expect((await client.send('DELETE', path, undefined, seen)).status).toBe(412);
      const now = { 'if-match': first.headers.get('etag')! };
      expect((await client.send('DELETE', path, undefined, now)).status).toBe(204);
      expect((await client.get(path)).status).toBe(404);
    });
  });

  describe('run', () => {
    it('should submit when their turn has come, once, as the subject that made them', async () => {
      const scientist = await service.as(tenant, 'scientist');
      const { body } = await scientist.post('/api/v1/schedules', training());
      const path = `/api/v1/schedules/${body.schedule_id}`;
      await runDue();
      expect(await jobs()).toEqual([]);
      await becomeDue(path, '0 minutes');
      const due_at = (await client.get(path)).body.next_run_at;
      await Promise.all([runDue(), runDue(), runDue(), runDue()]);
      await runDue();
      const [job, ...more] = await jobs();
      expect(more).toEqual([]);
      expect(job).toMatchObject({ kind: 'training', submitted_by: `scientist@${tenant}.example` });
      const after = (await client.get(path)).body;
      expect(after.last_run).toEqual({
        due_at,
        ran_at: expect.any(String),
        outcome: 'submitted',
        made_up: false,
        job_id: job?.id,
        error: null,
      });
      expect(after).toEqual({ ...body, last_run: after.last_run });
      expect((await client.get(`/api/v1/training/${job?.id}`)).body).toMatchObject({ model_name: 'churn' });
    });

    it('should make up once for all turns that were missed, and say so', async () => {
      const path = await create({ ...training(), cron: '* * * * *', time_zone: 'UTC' });
      await becomeDue(path, '3 days');
      const due_at = (await client.get(path)).body.next_run_at;
      await runDue();
      await runDue();
      expect(await jobs()).toHaveLength(1);
      const { last_run, next_run_at } = (await client.get(path)).body;
      expect(last_run).toMatchObject({ due_at, outcome: 'submitted', made_up: true });
      expect(new Date(next_run_at).getTime()).toBeGreaterThan(new Date(last_run.ran_at).getTime());
    });

    it('should keep why nothing could be submitted, and go on with the others and the next turn', async () => {
      const gone = await batch('gone');
      const [failing, working] = [await create(gone), await create(await batch())];
      await client.put(`/api/v1/models/${gone.request.model_id}/stage`, {
        version: '1.0.0',
        target_stage: 'archived',
      });
      await client.delete(`/api/v1/models/${gone.request.model_id}`);
      await becomeDue(failing, '2 hours');
      await becomeDue(working, '1 hour');
      await runDue();
      expect((await client.get(failing)).body).toMatchObject({
        next_run_at: expect.stringMatching(/T02:30:00\.000Z$/),
        last_run: { outcome: 'failed', job_id: null, error: { code: 'MODEL_NOT_FOUND' } },
      });
      const [job] = await jobs();
      expect((await client.get(working)).body.last_run).toMatchObject({
        outcome: 'submitted',
        job_id: job?.id,
      });
      const mended = { ...gone.request, model_id: (await batch('mended')).request.model_id };
      await client.patch(failing, { request: mended });
      await becomeDue(failing, '1 minute');
      await runDue();
      expect((await client.get(failing)).body.last_run).toMatchObject({ outcome: 'submitted', error: null });
    });

    it('should be refused by the database for one and leave nothing of it behind', async () => {
      const dto = await batch();
      const [first, second] = [await create(dto), await create(dto)];
      await becomeDue(first, '2 minutes');
      await becomeDue(second, '1 minute');
      await runDue();
      expect(await jobs()).toHaveLength(1);
      expect((await client.get(second)).body.last_run).toMatchObject({
        outcome: 'failed',
        error: { code: 'OUTPUT_EXISTS', message: expect.stringContaining('/request/output_path') },
      });
    });

    it('should be checked against the grants of the day', async () => {
      const other = await Service.start({
        beside: service,
        env: { MODELPLANE_STORAGE_GRANTS: `${tenant}=s3://data/` },
      });
      try {
        const request = {
          ...training().request,
          data_config: { train_path: 's3://data/train.csv', target_column: 'y' },
        };
        const wider = await other.as(tenant);
        const { body } = await wider.post('/api/v1/schedules', { ...training(), request });
        const path = `/api/v1/schedules/${body.schedule_id}`;
        await becomeDue(path, '1 minute');
        await runDue();
        expect((await client.get(path)).body.last_run).toMatchObject({ error: { code: 'FORBIDDEN' } });
        await becomeDue(path, '1 minute');
        await runDue(other);
        expect((await client.get(path)).body.last_run).toMatchObject({ outcome: 'submitted' });
      } finally {
        await other.stop();
      }
    });

    it('should tell nobody of a fault of the service itself', async () => {
      const kind = 'broken';
      part(Schedulables).register({
        kind,
        request: Object,
        role: 'viewer',
        check: async () => undefined,
        submit: async () => {
          throw new TypeError('at /secret/path');
        },
      });
      const path = await create({ ...training(), kind });
      await becomeDue(path, '1 minute');
      await runDue();
      const { last_run } = (await client.get(path)).body;
      expect(last_run.error).toEqual({
        code: 'INTERNAL_ERROR',
        message: 'The service failed while it submitted the job; its log has the cause.',
      });
    });

    it('should submit at once where a caller asks, in its name, and keep their turns', async () => {
      const path = await create({ ...training(), enabled: false });
      const scientist = await service.as(tenant, 'scientist');
      const key = { 'idempotency-key': 'run' };
      const [first, again] = [
        await scientist.post(`${path}/run`, undefined, key),
        await scientist.post(`${path}/run`, undefined, key),
      ];
      expect([first.status, again.status, again.body]).toEqual([202, 202, first.body]);
      expect(first.body).toEqual({ job_id: expect.stringMatching(/^train-/), status: 'submitted' });
      expect(await jobs()).toEqual([
        { id: first.body.job_id, kind: 'training', submitted_by: `scientist@${tenant}.example` },
      ]);
      const { last_run, next_run_at } = (await client.get(path)).body;
      expect([last_run.due_at, last_run.job_id, next_run_at]).toEqual([null, first.body.job_id, null]);
      expect((await client.post(`${path}/run`)).body.job_id).not.toBe(first.body.job_id);
    });

    it('should answer a caller what the kind answers', async () => {
      const dto = await batch();
      const path = await create({
        ...dto,
        request: { ...dto.request, input_path: `s3://tenants/${tenant}/none.csv` },
      });
      const { status, body } = await client.post(`${path}/run`);
      expect([status, body.errors[0].pointer]).toEqual([422, '/request/input_path']);
      expect((await client.get(path)).body.last_run).toBeNull();
    });
  });

  it.each(['none', '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e'])('should not be found as %j', async (id) => {
    const path = `/api/v1/schedules/${id}`;
    const answers = [
      await client.patch(path, { name: 'x' }),
      await client.delete(path),
      await client.post(`${path}/run`),
      await client.get(path),
    ];
    for (const { status, body } of answers) expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
  });

  it('should be submitted once where a worker is killed between claim and commit', async () => {
    const path = await create();
    await becomeDue(path, '1 minute');
    const lock = new pg.Client({ connectionString: service.database.ownerUrl });
    await lock.connect();
    // Jobs can be read, and the one of the schedule waits to be written.
    await lock.query('begin; lock table jobs in exclusive mode');
    const first = await WorkerProcess.start(service);
    try {
      for (let waiting = 0; waiting === 0;) {
        const [found] = await service.database.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock' and query ilike 'insert into "jobs"%'`,
        );
        waiting = found?.n ?? 0;
      }
      await first.kill('SIGKILL');
    } finally {
      await lock.end();
      await first.kill('SIGKILL');
    }
    const second = await WorkerProcess.start(service);
    try {
      for (let last_run = null; last_run === null;) ({ last_run } = (await client.get(path)).body);
      expect((await jobs()).map(({ kind }) => kind)).toEqual(['training']);
    } finally {
      await second.kill('SIGTERM');
    }
  });
});
