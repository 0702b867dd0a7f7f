import { randomUUID } from 'node:crypto';
import { JobClaimsRepository } from '../src/platform/jobs/job-claims.repository.js';
import type { AttemptRef } from '../src/platform/jobs/job-kind.js';
import { JobReconciler } from '../src/platform/jobs/job-reconciler.js';
import type { Job } from '../src/platform/jobs/job.entity.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import {
  DIGGING,
  FILLING,
  JobScene,
  success,
  untilStopped,
  type WorkProgress,
  type WorkSpec,
} from './support/job-scene.js';

type Work = Job<WorkSpec, WorkProgress, object>;

const LIMITS = { leaseSeconds: 60, runningPerTenant: 100, maxAttempts: 3 };

describe('jobs that jobs submit', () => {
  let scene: JobScene;

  beforeAll(async () => {
    scene = await JobScene.open({ env: { MODELPLANE_JOBS_RUNNING_PER_TENANT: '100' } });
    // Nobody but the test claims what is to be filled.
    scene.start(DIGGING);
  });
  afterEach(() => scene.clear());
  afterAll(() => scene?.stop());

  const refOf = ({ tenantId, id, attempt }: Work): AttemptRef => ({ tenant: tenantId, id, attempt });
  const cancel = ({ tenantId, id }: Work, kind = DIGGING) =>
    scene.part(JobsService).cancel(tenantId, kind, id);

  /** A running job of acme-corp. */
  async function parent(): Promise<Work> {
    scene.let(DIGGING, untilStopped);
    return scene.running(await scene.submit('acme-corp'));
  }

  it('should be cancelled with it at any depth, whether they wait, run or have ended in between', async () => {
    const top = await parent();
    const running = await scene.running(await scene.submit('acme-corp', DIGGING, {}, refOf(top)));
    const waiting = await scene.submit('acme-corp', FILLING, {}, refOf(running));
    const done = await scene.submit('acme-corp', FILLING, {}, refOf(top));
    const below = await scene.submit('acme-corp', FILLING, {}, refOf(done));
    await scene.service.database.query(
      `update jobs set status = 'succeeded', ended_at = now(), result = '{}' where id = $1`,
      [done.id],
    );
    const stranger = await scene.submit('acme-corp', FILLING);

    await cancel(top);
    for (const job of [waiting, below])
      expect(await scene.read(job)).toMatchObject({ status: 'cancelled', endedAt: expect.any(Date) });
    for (const job of [top, running]) expect(await scene.ended(job)).toMatchObject({ status: 'cancelled' });
    expect((await scene.read(done)).status).toBe('succeeded');
    expect((await scene.read(stranger)).status).toBe('submitted');
    const last = await scene.service.database.query(
      `select job_id, type from job_events where type = 'cancelled' order by job_id`,
    );
    expect(last).toEqual(
      [top, running, waiting, below]
        .map(({ id }) => ({ job_id: id, type: 'cancelled' }))
        .sort((a, b) => (a.job_id < b.job_id ? -1 : 1)),
    );
  });

  it('should be cancelled when it fails, and go on when it succeeds', async () => {
    const children: Work[] = [];
    scene.let(DIGGING, async ({ claim, job }) => {
      children.push(await scene.submit(claim.tenant, FILLING, {}, claim));
      if (job.spec.note === 'well') return success();
      return { type: 'failed', code: 'DATA_UNFIT', message: 'no' };
    });
    await scene.ended(await scene.submit('acme-corp', DIGGING, { note: 'ill' }));
    await scene.ended(await scene.submit('acme-corp', DIGGING, { note: 'well' }));
    const statuses = await Promise.all(children.map(async (child) => (await scene.read(child)).status));
    expect(statuses).toEqual(['cancelled', 'submitted']);
  });

  it('should be cancelled when its worker is lost for good, and be kept while it is tried again', async () => {
    const claim = () => scene.part(JobClaimsRepository).next(FILLING.name, 'dies', LIMITS);
    const top = await scene.submit('acme-corp', FILLING);
    const first = (await claim()) as AttemptRef;
    const child = await scene.submit('acme-corp', FILLING, {}, first);
    for (let attempt = 1; attempt < 3; attempt++) {
      await scene.letLeasesRunOut();
      await scene.part(JobReconciler).reconcile();
      expect((await scene.read(child)).status).toBe('submitted');
      expect(await claim()).toMatchObject({ id: top.id, attempt: attempt + 1 });
    }
    await scene.letLeasesRunOut();
    await scene.part(JobReconciler).reconcile();
    expect(await scene.read(top)).toMatchObject({ status: 'failed', errorCode: 'WORKER_LOST' });
    expect((await scene.read(child)).status).toBe('cancelled');
  });

  it('should not be submitted by one that ends, has ended or is run by another attempt', async () => {
    const refused = { code: 'JOB_STATE_CONFLICT' };
    const top = await parent();
    const earlier = { ...refOf(top), attempt: top.attempt - 1 };
    await expect(scene.submit('acme-corp', FILLING, {}, earlier)).rejects.toMatchObject(refused);
    await cancel(top);
    await expect(scene.submit('acme-corp', FILLING, {}, refOf(top))).rejects.toMatchObject(refused);
    await scene.ended(top);
    await expect(scene.submit('acme-corp', FILLING, {}, refOf(top))).rejects.toMatchObject(refused);
    const unknown = { tenant: 'acme-corp', id: `dig-${randomUUID()}`, attempt: 1 };
    await expect(scene.submit('acme-corp', FILLING, {}, unknown)).rejects.toMatchObject({
      code: 'JOB_NOT_FOUND',
    });
  });

  it('should not be left open by a request to cancel that comes while they are submitted', async () => {
    for (let round = 0; round < 10; round++) {
      const top = await parent();
      const submissions = Array.from({ length: 5 }, () => scene.submit('acme-corp', FILLING, {}, refOf(top)));
      await Promise.allSettled([...submissions, cancel(top)]);
      await scene.ended(top);
    }
    const open = await scene.service.database.query('select id from jobs where ended_at is null');
    expect(open).toEqual([]);
  });

  it('should not be of another tenant', async () => {
    const top = await parent();
    await expect(scene.submit('globex', FILLING, {}, refOf(top))).rejects.toMatchObject({
      code: 'JOB_NOT_FOUND',
    });
    const insert = scene.service.database.query(
      `insert into jobs (id, tenant_id, kind, parent_id, spec, submitted_by, engine)
       values ($1, 'globex', 'filling', $2, '{}', 'bob', 'local')`,
      [`fill-${randomUUID()}`, top.id],
    );
    await expect(insert).rejects.toMatchObject({ constraint: 'jobs_parent_fkey' });
  });
});
