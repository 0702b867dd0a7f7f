import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Database } from '../src/platform/database/database.js';
import { DatabaseUnavailable } from '../src/platform/database/database-unavailable.js';
import { type Claim, JobClaimsRepository } from '../src/platform/jobs/job-claims.repository.js';
import { JobEventStreams } from '../src/platform/jobs/job-event-streams.js';
import type { Outcome } from '../src/platform/jobs/job-handlers.js';
import { JobQueues } from '../src/platform/jobs/job-queues.js';
import { JobReconciler } from '../src/platform/jobs/job-reconciler.js';
import { JobsRepository } from '../src/platform/jobs/jobs.repository.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import { DIGGING, FILLING, HURRIED, JobScene, success, untilStopped } from './support/job-scene.js';

const LIMITS = { leaseSeconds: 2, runningPerTenant: 2, maxAttempts: 3 };
const ENV = {
  MODELPLANE_JOBS_LEASE_SECONDS: '2',
  MODELPLANE_JOBS_RUNNING_PER_TENANT: '2',
  MODELPLANE_JOBS_OPEN_PER_TENANT: '20',
  MODELPLANE_JOBS_RETRY_SECONDS: '1',
};

/** The mechanism on its real database and queue, with work that the test decides. */
describe('jobs', () => {
  let scene: JobScene;

  beforeAll(async () => {
    scene = await JobScene.open({ env: ENV });
    // Nobody but the test claims what is to be filled.
    scene.start(DIGGING, HURRIED);
  });
  afterEach(() => scene.clear());
  afterAll(() => scene?.stop());

  const claim = (worker = 'w') => scene.part(JobClaimsRepository).next(FILLING.name, worker, LIMITS);

  it('runs a job once and keeps what it reported', async () => {
    scene.let(DIGGING, async (attempt) => {
      attempt.report({ type: 'started', workers: 2, gpus: 0 });
      attempt.report({ type: 'log', level: 'info', message: 'hello' });
      attempt.report({ type: 'warning', message: 'mind the gap' });
      attempt.report({ type: 'warning', message: 'mind the gap' });
      attempt.report({ type: 'progress', progress: { done: 1 }, metrics: { val_loss: 1 } });
      return success({ made: 'something' });
    });
    const job = await scene.ended(await scene.submit('acme-corp'));
    expect(job).toMatchObject({
      status: 'succeeded',
      attempt: 1,
      spec: { note: 'a note' },
      result: { made: 'something' },
      resources: { workers: 2, gpus: 0 },
      progress: { done: 1 },
      metrics: { val_loss: 0.5 },
      warnings: ['mind the gap'],
      leaseUntil: null,
    });
    const logs = await scene.part(JobsService).logs('acme-corp', DIGGING, job.id, { limit: 10 });
    expect(logs.data).toMatchObject([{ level: 'info', message: 'hello', attempt: 1 }]);
    const events = await scene.service.database.query<{ type: string; seq: number; data: object }>(
      'select type, seq, data from job_events order by attempt, seq',
    );
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(events[4]).toMatchObject({ type: 'progress', data: { done: 1, metrics: { val_loss: 1 } } });
    expect(events.at(-1)?.type).toBe('succeeded');
    while ((await scene.part(JobQueues).all.get(DIGGING.name)?.count()) !== 0) await sleep(20);
    expect(scene.workerOf(DIGGING).cleaned).toMatchObject([{ id: job.id, attempt: 1 }]);
  });

  it('fails a job with the code and message of its handler, and with INTERNAL_ERROR and no detail when that throws', async () => {
    scene.let(DIGGING, async ({ job }) => {
      if (job.tenantId === 'globex') throw new Error('secret of the house');
      return { type: 'failed', code: 'DATA_UNFIT', message: 'there is one class only' };
    });
    expect(await scene.ended(await scene.submit('acme-corp'))).toMatchObject({
      status: 'failed',
      errorCode: 'DATA_UNFIT',
      errorMessage: 'there is one class only',
    });
    const { id } = await scene.ended(await scene.submit('acme-corp'));
    const logs = await scene.part(JobsService).logs('acme-corp', DIGGING, id, { limit: 10 });
    expect(logs.data).toMatchObject([{ level: 'error', message: 'DATA_UNFIT: there is one class only' }]);
    const internal = await scene.ended(await scene.submit('globex'));
    expect(internal).toMatchObject({ status: 'failed', errorCode: 'INTERNAL_ERROR' });
    expect(internal.errorMessage).not.toContain('secret');
  });

  it('ends a job although what it says holds a NUL, which PostgreSQL does not keep', async () => {
    scene.let(DIGGING, async (attempt) => {
      attempt.report({ type: 'log', level: 'info', message: 'a\0b' });
      if (attempt.job.tenantId === 'globex') return success({ made: 'a\0b' });
      return { type: 'failed', code: 'DATA_UNFIT', message: 'the category a\0b' };
    });
    const failed = await scene.ended(await scene.submit('acme-corp'));
    expect(failed).toMatchObject({ status: 'failed', attempt: 1, errorMessage: 'the category a\ufffdb' });
    expect(await scene.ended(await scene.submit('globex'))).toMatchObject({
      status: 'failed',
      attempt: 1,
      errorCode: 'INTERNAL_ERROR',
    });
  });

  it('tries a job whose process crashes again, and gives up after its attempts', async () => {
    let tries = 0;
    scene.let(DIGGING, async ({ job }) => {
      tries++;
      return job.tenantId === 'globex' && job.attempt === 2
        ? success()
        : { type: 'crashed', message: 'It was killed.' };
    });
    expect(await scene.ended(await scene.submit('acme-corp'))).toMatchObject({
      status: 'failed',
      errorCode: 'ENGINE_CRASHED',
      attempt: 3,
    });
    expect(tries).toBe(3);
    expect(await scene.ended(await scene.submit('globex'))).toMatchObject({
      status: 'succeeded',
      attempt: 2,
    });
  });

  it.each([
    ['SIGSEGV', 'ENGINE_CRASHED'],
    ['out of memory', 'OUT_OF_MEMORY'],
  ])('does not try a job a third time whose process met the same end twice: %s', async (cause, errorCode) => {
    scene.let(DIGGING, async () => ({ type: 'crashed', cause, message: 'It ended.' }));
    expect(await scene.ended(await scene.submit('acme-corp'))).toMatchObject({
      status: 'failed',
      errorCode,
      errorMessage: 'It ended. Two attempts ended so: it is not tried again.',
      attempt: 2,
    });
  });

  it('tries a job again whose processes met several ends', async () => {
    const causes = ['SIGSEGV', null, 'SIGSEGV'];
    scene.let(DIGGING, async ({ claim }) => ({
      type: 'crashed',
      cause: causes[claim.attempt - 1],
      message: 'It ended.',
    }));
    expect(await scene.ended(await scene.submit('acme-corp'))).toMatchObject({
      status: 'failed',
      errorMessage: 'It ended. It was tried 3 times.',
      attempt: 3,
    });
  });

  it.each<[string, () => Outcome]>([
    [
      'the database',
      () => {
        throw new DatabaseUnavailable(new Error('connection refused'));
      },
    ],
    ['its engine', () => ({ type: 'failed', code: 'ENGINE_UNAVAILABLE', message: 'not available' })],
  ])('tries a job again that found %s away', async (_, fail) => {
    let tries = 0;
    scene.let(DIGGING, async () => (++tries === 1 ? (fail() as Outcome<object>) : success()));
    expect(await scene.ended(await scene.submit('acme-corp'))).toMatchObject({
      status: 'succeeded',
      attempt: 2,
    });
  });

  it('claims a job for one of many workers that ask at once', async () => {
    await scene.submit('acme-corp', FILLING);
    const claims = await Promise.all(Array.from({ length: 10 }, (_, at) => claim(`w${at}`)));
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  it('claims no more jobs of a tenant than may run, although many workers ask at once', async () => {
    for (let count = 0; count < 5; count++) await scene.submit('acme-corp', FILLING);
    const claims = await Promise.all(Array.from({ length: 10 }, (_, at) => claim(`w${at}`)));
    expect(claims.filter(Boolean)).toHaveLength(2);
  });

  it('does not claim a job that ends while the claim waits for its row', async () => {
    const job = await scene.submit('acme-corp', FILLING);
    await claim('late');
    await scene.letLeasesRunOut();
    const ending = new pg.Client({ connectionString: scene.service.database.ownerUrl });
    await ending.connect();
    try {
      await ending.query('begin');
      await ending.query(`update jobs set status = 'succeeded', ended_at = clock_timestamp()`);
      const next = claim('next');
      // The claim has seen the row as it was before, and waits for it now.
      const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'update jobs set status = ''running''%'
                         and datname = current_database()`;
      while ((await scene.service.database.query(waiting)).length === 0) await sleep(10);
      await ending.query('commit');
      expect(await next).toBeUndefined();
    } finally {
      await ending.end();
    }
    expect(await scene.read(job)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('lets tenants take turns and holds each to its limit', async () => {
    for (let count = 0; count < 5; count++) await scene.submit('acme-corp', FILLING);
    await scene.submit('globex', FILLING);
    await scene.submit('initech', FILLING);
    const order = [];
    for (let next = await claim(); next; next = await claim()) order.push(next.tenant);
    expect(order).toEqual(['acme-corp', 'globex', 'initech', 'acme-corp']);
  });

  it('refuses more open jobs than a tenant may have', async () => {
    await Promise.all(Array.from({ length: 20 }, () => scene.submit('acme-corp', FILLING)));
    await expect(scene.submit('acme-corp', FILLING)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      extra: { headers: { 'Retry-After': '60' } },
    });
    await scene.submit('globex', FILLING);
  });

  it('gives a job whose lease has run out to the next worker, and ignores what the first still says', async () => {
    const job = await scene.submit('acme-corp', FILLING);
    const first = (await claim('first')) as Claim;
    expect(await claim('second')).toBeUndefined();
    await scene.letLeasesRunOut();
    const second = (await claim('second')) as Claim;
    expect(second).toMatchObject({ id: job.id, attempt: 2 });

    const end = (by: Claim, name: string) =>
      scene
        .part(Database)
        .asTenant('acme-corp', (scope) =>
          scene.part(JobsRepository).end(scope, by, { status: 'succeeded', result: { by: name } }),
        );
    expect(await end(first, 'first')).toBe(false);
    expect(await scene.read(job)).toMatchObject({ status: 'running', attempt: 2, result: null });
    expect(await end(second, 'second')).toBe(true);
    expect(await scene.read(job)).toMatchObject({ status: 'succeeded', result: { by: 'second' } });
  });

  it('keeps the lease of work that outlives it', async () => {
    scene.let(DIGGING, async () => sleep(5000).then(() => success()));
    const job = await scene.submit('acme-corp');
    expect(await scene.ended(job)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('stops work whose lease somebody else has taken', async () => {
    let stopped: (reason: unknown) => void;
    const reason = new Promise((resolve) => (stopped = resolve));
    scene.let(DIGGING, async (attempt) => {
      const outcome = await untilStopped(attempt);
      stopped(attempt.stopReason);
      return outcome;
    });
    const job = await scene.running(await scene.submit('acme-corp'));
    await scene.service.database.query(`update jobs set attempt = attempt + 1`);
    expect(await reason).toBe('lost');
    expect(await scene.read(job)).toMatchObject({ status: 'running', attempt: 2 });
  });

  describe('a request to cancel', () => {
    it('ends a waiting job at once', async () => {
      const job = await scene.submit('acme-corp', FILLING);
      expect(await scene.part(JobsService).cancel('acme-corp', FILLING, job.id)).toMatchObject({
        status: 'cancelled',
      });
      expect(await claim()).toBeUndefined();
    });

    it('ends a running job through its worker', async () => {
      scene.let(DIGGING, untilStopped);
      const job = await scene.running(await scene.submit('acme-corp'));
      const asked = await scene.part(JobsService).cancel('acme-corp', DIGGING, job.id);
      expect(asked.cancelRequestedAt).not.toBeNull();
      expect(await scene.ended(job)).toMatchObject({ status: 'cancelled', result: null });
    });

    it('wins over a success that is not committed yet', async () => {
      let committed = 0;
      scene.let(DIGGING, async ({ job }) => {
        await scene.part(JobsService).cancel('acme-corp', DIGGING, job.id);
        return { type: 'succeeded', metrics: {}, commit: async () => ({ committed: ++committed }) };
      });
      expect(await scene.ended(await scene.submit('acme-corp'))).toMatchObject({
        status: 'cancelled',
        result: null,
      });
      expect(committed).toBe(0);
    });

    it('is carried out by the reconciler when the worker has died', async () => {
      const job = await scene.submit('acme-corp', FILLING);
      await claim('dead');
      await scene.part(JobsService).cancel('acme-corp', FILLING, job.id);
      await scene.letLeasesRunOut();
      await scene.part(JobReconciler).reconcile();
      expect(await scene.read(job)).toMatchObject({ status: 'cancelled' });
    });
  });

  it('fails a job whose workers died as often as it may be tried', async () => {
    const job = await scene.submit('acme-corp', FILLING);
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(await claim('dies')).toMatchObject({ attempt });
      await scene.letLeasesRunOut();
    }
    expect(await claim('dies')).toBeUndefined();
    await scene.part(JobReconciler).reconcile();
    expect(await scene.read(job)).toMatchObject({ status: 'failed', errorCode: 'WORKER_LOST' });
    const logs = await scene.part(JobsService).logs('acme-corp', FILLING, job.id, { limit: 10 });
    const message = expect.stringMatching(/^WORKER_LOST: The job's worker died 3 times/);
    expect(logs.data).toMatchObject([{ level: 'error', message }]);
    const events = await scene.service.database.query('select attempt, seq, type from job_events');
    expect(events).toEqual([
      { attempt: 3, seq: 1, type: 'log' },
      { attempt: 3, seq: 2, type: 'failed' },
    ]);
  });

  it('finds a job that the queue forgot', async () => {
    scene.let(DIGGING, async () => success());
    // As if Redis had been away: there is a row, and nothing in the queue.
    const { id } = await scene.submit('acme-corp', FILLING);
    const forgotten = id.replace(FILLING.prefix, DIGGING.prefix);
    await scene.service.database.query(`update jobs set id = $2, kind = $3 where id = $1`, [
      id,
      forgotten,
      DIGGING.name,
    ]);
    const job = await scene.read({ tenantId: 'acme-corp', kind: DIGGING.name, id: forgotten });
    expect(job.status).toBe('submitted');
    await scene.part(JobReconciler).reconcile();
    expect(await scene.ended(job)).toMatchObject({ status: 'succeeded' });
  });

  it('gives running jobs back when the worker shuts down, and counts no attempt', async () => {
    const other = await JobScene.open({ beside: scene.service });
    scene.let(DIGGING, untilStopped);
    other.let(FILLING, untilStopped);
    other.start(FILLING);
    const job = await other.running(await other.submit('acme-corp', FILLING));
    await other.stop();
    expect(await scene.read(job)).toMatchObject({
      status: 'submitted',
      attempt: 1,
      uncountedAttempts: 1,
      leaseUntil: null,
    });
  });

  it('ends a job that runs longer than it may', async () => {
    scene.let(HURRIED, untilStopped);
    expect(await scene.ended(await scene.submit('acme-corp', HURRIED))).toMatchObject({
      status: 'failed',
      errorCode: 'TIME_LIMIT',
    });
  });

  it('times how long jobs wait and run, by kind and by how their attempts end', async () => {
    const counts = async () => {
      const { body } = await scene.service.with(undefined).get('/metrics');
      const lines = String(body).matchAll(
        /^modelplane_job_(wait|run)_duration_seconds_count\{kind="digging"(?:,status="(\w+)")?\} (\d+)$/gm,
      );
      return Object.fromEntries(
        [...lines].map(([, what, status = 'any', n]) => [`${what} ${status}`, Number(n)]),
      );
    };
    const before = await counts();
    scene.let(DIGGING, async ({ claim }) =>
      claim.attempt === 1 ? { type: 'crashed', message: 'It was killed' } : success(),
    );
    await scene.ended(await scene.submit('acme-corp'));
    const more = (name: string, now: Record<string, number>) => (now[name] ?? 0) - (before[name] ?? 0);
    // The row has ended a moment before it is counted.
    let now = await counts();
    while (more('run succeeded', now) === 0) now = await counts();
    expect(
      ['wait any', 'run given_back', 'run succeeded', 'run failed'].map((name) => more(name, now)),
    ).toEqual([2, 1, 1, 0]);
  });

  it('should not show the jobs of another tenant, nor stream their events', async () => {
    const job = await scene.submit('acme-corp', FILLING);
    const jobs = scene.part(JobsService);
    const unknown = { code: 'JOB_NOT_FOUND' };
    await expect(jobs.get('globex', FILLING, job.id)).rejects.toMatchObject(unknown);
    await expect(jobs.cancel('globex', FILLING, job.id)).rejects.toMatchObject(unknown);
    await expect(jobs.logs('globex', FILLING, job.id, { limit: 1 })).rejects.toMatchObject(unknown);
    const globex = { tenant: 'globex', subject: 'bob', roles: [] } as never;
    await expect(
      scene.part(JobEventStreams).stream(globex, FILLING, job.id, undefined),
    ).rejects.toMatchObject(unknown);
  });
});
