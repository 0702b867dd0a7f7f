import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Module } from '@nestjs/common';
import { Handles } from '../src/platform/jobs/job-handlers.js';
import { defaultConfig } from '../src/config/index.js';
import { JobKind } from '../src/platform/jobs/job-kind.js';
import { JobKinds } from '../src/platform/jobs/job-kinds.js';
import { JobReconciler } from '../src/platform/jobs/job-reconciler.js';
import { JobRetention } from '../src/platform/jobs/job-retention.js';
import { JobKindModule } from '../src/platform/jobs/jobs.module.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import { TRAINING } from '../src/modules/training/training-job.js';
import type { Client } from './support/client.js';
import { DIGGING, FILLING, HURRIED, JobScene, WorkSpec } from './support/job-scene.js';
import { Service } from './support/service.js';

describe('a kind of job', () => {
  function handlerOf(kind: JobKind) {
    @Injectable()
    @Handles(kind)
    class Handler {
      run = async () => ({ type: 'aborted' });
    }
    return Handler;
  }

  it.each([
    ['that nobody handles', [], [DIGGING], /jobs of the kind digging have no handler/],
    [
      'that two handle',
      [handlerOf(DIGGING), handlerOf(DIGGING)],
      [DIGGING],
      /jobs of the kind digging have 2 handlers; it must be one/,
    ],
    [
      'that is handled and not declared',
      [handlerOf(DIGGING)],
      [],
      /digging have a handler and no JobKindModule/,
    ],
    [
      'that another module handles too',
      [handlerOf(TRAINING)],
      [],
      /jobs of the kind training have 2 handlers/,
    ],
  ])('should keep a process from starting %s', async (_, providers, kinds, message) => {
    @Module({ providers, imports: kinds.map((kind) => JobKindModule.of(kind)) })
    class Wrong {}
    await expect(Service.start({ imports: [Wrong] })).rejects.toThrow(message);
  });
});

describe('kinds of jobs', () => {
  it.each([
    ['name', { name: DIGGING.name, prefix: 'other' }],
    ['prefix', { name: 'other', prefix: DIGGING.prefix }],
  ])('should not have one %s', (_, names) => {
    const kinds = new JobKinds(defaultConfig());
    kinds.register(DIGGING);
    const other = new JobKind({
      ...names,
      spec: WorkSpec,
      summary: WorkSpec,
      limits: () => kinds.limitsOf(DIGGING),
    });
    expect(() => kinds.register(other)).toThrow(/digging and (digging|other) share a name or a prefix/);
  });
});

describe('jobs of all kinds', () => {
  let scene: JobScene;
  let acme: Client;

  beforeAll(async () => {
    scene = await JobScene.open();
    scene.start(DIGGING);
    acme = await scene.service.as('acme-corp', 'viewer');
  });
  afterEach(() => scene.clear());
  afterAll(() => scene?.stop());

  async function insert(kind: string, row: Record<string, unknown> = {}): Promise<string> {
    const id = (row.id as string | undefined) ?? `${kind}-${randomUUID()}`;
    const values = {
      id,
      tenant_id: 'acme-corp',
      kind,
      spec: { note: 'x' },
      submitted_by: 'ana',
      engine: 'local',
      ...row,
    };
    await scene.service.database.query(
      `insert into jobs (${Object.keys(values).join(', ')})
       values (${Object.keys(values).map((_, at) => `$${at + 1}`)})`,
      Object.values(values),
    );
    return id;
  }

  describe('whose spec cannot be read', () => {
    async function failed(id: string): Promise<object> {
      const query = `select attempt, error_code, error_message from jobs where id = $1 and status = 'failed'`;
      for (;;) {
        const [row] = await scene.service.database.query(query, [id]);
        if (row) return row;
        await sleep(20);
      }
    }

    it('should fail by name of the field', async () => {
      const id = await insert('digging', { id: `dig-${randomUUID()}`, spec: { note: 5, cpus: 'many' } });
      await scene.part(JobReconciler).reconcile();
      expect(await failed(id)).toEqual({
        attempt: 1,
        error_code: 'SPEC_UNREADABLE',
        error_message:
          'The spec of the job does not fit this release: /note must be a string; /cpus must be an integer number.',
      });
    });

    it.each([['null'], ['[]'], ['"text"'], ['5']])('should fail where it is %s', async (spec) => {
      const id = await insert('digging', { id: `dig-${randomUUID()}`, spec });
      await scene.part(JobReconciler).reconcile();
      expect(await failed(id)).toMatchObject({ error_message: 'The spec of the job is no JSON object.' });
    });

    it('should not make the others of its kind unreadable', async () => {
      const good = await scene.submit('acme-corp', FILLING);
      await insert('filling', { id: `fill-${randomUUID()}`, spec: {} });
      const { data, page } = await scene
        .part(JobsService)
        .list('acme-corp', FILLING, { limit: 50 }, ({ id, spec }) => ({ id, ...spec }));
      expect(data).toEqual([{ id: good.id, note: 'a note' }]);
      expect(page.next_cursor).toBeNull();
      expect((await acme.get('/api/v1/jobs')).body.data).toHaveLength(2);
    });
  });

  describe('in one list', () => {
    const list = async (query = '') => {
      const { status, body } = await acme.get(`/api/v1/jobs${query}`);
      expect(status).toBe(200);
      return body as { data: { job_id: string }[]; page: { next_cursor: string | null } };
    };
    const idsOf = ({ data }: { data: { job_id: string }[] }) => data.map(({ job_id }) => job_id);

    it('should say what every kind says, newest first', async () => {
      const parent = await scene.submit('acme-corp', FILLING);
      const child = await scene.submit(
        'acme-corp',
        HURRIED,
        {},
        { tenant: 'acme-corp', id: parent.id, attempt: 0 },
      );
      await scene.submit('globex', FILLING);
      const { data, page } = await list();
      expect(page).toEqual({ count: 2, next_cursor: null });
      expect(data).toEqual([
        {
          job_id: child.id,
          kind: 'hurried',
          status: 'submitted',
          error: null,
          warnings: [],
          queue_position: 1,
          attempt: 0,
          cancel_requested: false,
          created_at: expect.any(String),
          started_at: null,
          updated_at: expect.any(String),
          ended_at: null,
          parent_id: parent.id,
          submitted_by: 'ana',
          api_key: null,
          rerun_of: null,
          links: { self: `/api/v1/test/hurried/${child.id}`, collection: '/api/v1/test/hurried' },
        },
        expect.objectContaining({ job_id: parent.id, kind: 'filling', parent_id: null }),
      ]);
    });

    it('should have no link to a collection that is not there', async () => {
      await insert('training-validation', { id: `check-${randomUUID()}` });
      await insert('forgotten', { id: `old-${randomUUID()}` });
      const none = { links: { self: null, collection: null } };
      expect((await list()).data).toMatchObject([none, none]);
    });

    it('should be told apart by kind, status and parent', async () => {
      const a = await scene.submit('acme-corp', FILLING);
      const b = await scene.submit('acme-corp', HURRIED);
      const child = await scene.submit(
        'acme-corp',
        FILLING,
        {},
        { tenant: 'acme-corp', id: b.id, attempt: 0 },
      );
      await scene.part(JobsService).cancel('acme-corp', FILLING, a.id);
      expect(idsOf(await list('?kind=filling'))).toEqual([child.id, a.id]);
      expect(idsOf(await list('?status=cancelled'))).toEqual([a.id]);
      expect(idsOf(await list('?kind=filling&status=submitted'))).toEqual([child.id]);
      expect(idsOf(await list(`?parent_id=${b.id}`))).toEqual([child.id]);
      expect(idsOf(await list(`?parent_id=${b.id}&kind=hurried`))).toEqual([]);
      expect(idsOf(await list('?parent_id=none'))).toEqual([]);
    });

    it.each(['', '&kind=filling'])('should be paged through without loss or repetition%s', async (filter) => {
      const all: string[] = [];
      for (let count = 0; count < 7; count++) {
        const kind = filter || count % 2 ? FILLING : HURRIED;
        all.unshift((await scene.submit('acme-corp', kind)).id);
      }
      const seen: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const body = await list(`?limit=3${filter}${cursor && `&cursor=${cursor}`}`);
        seen.push(...idsOf(body));
        cursor = body.page.next_cursor;
      }
      expect(seen).toEqual(all);
    });

    it.each([
      ['kind=nonsense', 'kind', /^must be one of batch, calibration, digging/],
      ['status=nonsense', 'status', /must be one of the following values: submitted, running, paused/],
      ['limit=0', 'limit', /must not be less than 1/],
      ['cursor=x', 'cursor', /must be the next_cursor/],
      ['unknown=1', 'unknown', /is not a known field/],
    ])('should refuse %s', async (query, pointer, message) => {
      const { status, body } = await acme.get(`/api/v1/jobs?${query}`);
      expect([status, body.code, body.errors[0].pointer]).toEqual([400, 'INVALID_REQUEST', pointer]);
      expect(body.errors[0].message).toMatch(message);
    });

    it("should hold nothing of another tenant's, whichever of its names is asked for", async () => {
      const job = await scene.submit('acme-corp', FILLING);
      const child = { tenant: 'acme-corp', id: job.id, attempt: 0 };
      for (let count = 0; count < 2; count++) await scene.submit('acme-corp', FILLING, {}, child);
      const { next_cursor } = (await list('?limit=1')).page;
      const globex = await scene.service.as('globex');
      for (const query of ['', '?kind=filling', `?parent_id=${job.id}`])
        expect((await globex.get(`/api/v1/jobs${query}`)).body.data).toEqual([]);
      expect((await globex.get(`/api/v1/jobs?cursor=${next_cursor}`)).status).toBe(400);
      expect((await scene.service.with(undefined).get('/api/v1/jobs')).status).toBe(401);
    });

    it('should find each page by an index', async () => {
      await scene.service.database.query(
        `insert into jobs (id, tenant_id, kind, status, ended_at, spec, submitted_by, engine)
         select 'fill-' || gen_random_uuid(), case when n % 2 = 0 then 'acme-corp' else 'globex' end,
                case when n % 100 < 2 then 'filling' when n % 2 = 0 then 'training' else 'digging' end,
                case when n % 100 < 4 then 'failed' else 'succeeded' end, now(),
                jsonb_build_object('model_name', 'model ' || n % 50), 'ana', 'local'
         from generate_series(1, 20000) n`,
      );
      await scene.service.database.query('analyze jobs');
      const plan = async (where: string, order: string) =>
        JSON.stringify(
          await scene.service.database.query(
            `explain (format json) select id from jobs where tenant_id = 'acme-corp' ${where} order by ${order} desc limit 51`,
          ),
        );
      const uuid = 'right(id, 36)';
      expect(await plan('', uuid)).toContain('jobs_newest_idx');
      expect(await plan(`and status = 'failed'`, uuid)).toContain('jobs_newest_by_status_idx');
      expect(await plan(`and kind = 'filling'`, 'id')).toContain('jobs_list_idx');
      expect(await plan(`and parent_id = 'dig-1'`, uuid)).toContain('jobs_children_idx');
      expect(await plan(`and kind = 'training' and spec ->> 'model_name' = 'model 8'`, 'id')).toContain(
        'jobs_training_model_idx',
      );
      expect(
        await plan(`and kind = 'filling' and ended_at is null and status = 'submitted'`, 'created_at'),
      ).toContain('jobs_open_idx');
    });
  });

  describe('that ended long ago', () => {
    const ended = (seconds: number) => ({
      status: 'succeeded',
      ended_at: new Date(Date.now() - seconds * 1000),
    });

    it('should be deleted once their kind is kept no longer, with what they said', async () => {
      const old = await insert('digging', ended(3700));
      await insert('digging', { parent_id: old, id: 'dig-child' });
      await scene.service.database.query(
        `insert into job_events (tenant_id, job_id, attempt, seq, type, data) values ('acme-corp', $1, 1, 1, 'log', '{}')`,
        [old],
      );
      const kept = [
        await insert('digging', ended(3500)),
        await insert('training', ended(3700)),
        await insert('training-validation', ended(3700)),
        'dig-child',
      ];
      await insert('training', ended(366 * 86_400));
      await insert('training-validation', ended(86_500));
      expect(await scene.part(JobRetention).deleteOld()).toBe(3);
      const left = await scene.service.database.query<{ id: string; parent_id: string | null }>(
        'select id, parent_id from jobs order by id',
      );
      expect(left.map(({ id }) => id)).toEqual(kept.sort());
      expect(left.map(({ parent_id }) => parent_id)).toEqual(kept.map(() => null));
      expect(await scene.service.database.query('select from job_events')).toEqual([]);
    });

    it('should be deleted however many they are', async () => {
      await scene.service.database.query(
        `insert into jobs (id, tenant_id, kind, status, ended_at, spec, submitted_by, engine)
         select 'dig-' || n, 'acme-corp', 'digging', 'failed', now() - interval '1 day', '{}', 'ana', 'local'
         from generate_series(1, 2500) n`,
      );
      expect(await scene.part(JobRetention).deleteOld()).toBe(2500);
    });

    it('should stay where a version of a model came from them', async () => {
      const old = ended(4000 * 86_400);
      const [source, other] = [await insert('training', old), await insert('training', old)];
      const [model, version] = [randomUUID(), randomUUID()];
      await scene.service.database.query(
        `insert into models (id, tenant_id, name, model_type, framework, created_by)
         values ($1, 'acme-corp', 'm', 'regression', 'sklearn', 'ana')`,
        [model],
      );
      await scene.service.database.query(
        `insert into model_versions (id, tenant_id, model_id, major, minor, patch, framework, job_id,
           created_by)
         values ($1, 'acme-corp', $2, 1, 0, 0, 'sklearn', $3, 'ana')`,
        [version, model, source],
      );
      expect(await scene.part(JobRetention).deleteOld()).toBe(1);
      const left = await scene.service.database.query('select id from jobs');
      expect(left).toEqual([{ id: source }]);
      expect(left).not.toContainEqual({ id: other });
    });
  });
});
