import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../src/platform/database/database.js';
import type { JobAttempt } from '../src/platform/jobs/job-attempt.js';
import { type Claim, JobClaimsRepository } from '../src/platform/jobs/job-claims.repository.js';
import { JobQueues } from '../src/platform/jobs/job-queues.js';
import { JobReconciler } from '../src/platform/jobs/job-reconciler.js';
import { DatabaseUnavailable } from '../src/platform/database/database-unavailable.js';
import { type JobHandler, JobRunner, type Outcome } from '../src/platform/jobs/job-runner.js';
import type { Job } from '../src/platform/jobs/job.entity.js';
import { JobsRepository } from '../src/platform/jobs/jobs.repository.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import { TRAINING } from '../src/modules/training/training-job.js';
import { Service } from './support/service.js';

const LIMITS = { leaseSeconds: 2, runningPerTenant: 2, maxAttempts: 3 };

/** The mechanism on its real database and queue, with work that the test decides. */
describe('jobs', () => {
  let service: Service;

  beforeEach(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_JOBS_LEASE_SECONDS: '2',
        MODELPLANE_JOBS_RUNNING_PER_TENANT: '2',
        MODELPLANE_JOBS_OPEN_PER_TENANT: '20',
        MODELPLANE_JOBS_RETRY_SECONDS: '1',
      },
    });
  });
  afterEach(() => service.stop());

  const part = <T>(type: abstract new (...args: never[]) => T): T => service.app.get(type, { strict: false });

  function submit(tenant: string): Promise<Job> {
    return part(JobsService).submit(tenant, TRAINING, {
      spec: { model_name: 'm' },
      submittedBy: 'test',
      engine: 'local',
    });
  }

  const read = (job: Job) => part(JobsService).get(job.tenantId, TRAINING, job.id);

  async function until(job: Job, done: (now: Job) => boolean): Promise<Job> {
    for (let tries = 0; tries < 400; tries++) {
      const now = await read(job);
      if (done(now)) return now;
      await sleep(50);
    }
    throw new Error(`the job stayed ${JSON.stringify(await read(job))}`);
  }

  const ended = (job: Job) => until(job, (now) => now.endedAt !== null);

  /** Starts a worker in this process that does `work`. */
  function work(run: (attempt: JobAttempt) => Promise<Outcome>, concurrency = 4): JobHandler {
    const handler = { kind: TRAINING, concurrency, maxRunSeconds: 60, run };
    part(JobRunner).start(handler);
    return handler;
  }

  const success = (result = {}): Outcome => ({
    type: 'succeeded',
    metrics: { val_loss: 0.5 },
    commit: async () => result,
  });
  const stopped = async ({ signal }: JobAttempt): Promise<Outcome> => {
    // It may be stopped before it begins.
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return { type: 'aborted' };
  };

  it('runs a job once and keeps what it reported', async () => {
    work(async (attempt) => {
      attempt.report({ type: 'started', workers: 2, gpus: 0 });
      attempt.report({ type: 'log', level: 'info', message: 'hello' });
      attempt.report({ type: 'warning', message: 'mind the gap' });
      attempt.report({ type: 'warning', message: 'mind the gap' });
      const progress = {
        current_epoch: 1,
        total_epochs: 2,
        current_loss: 1,
        best_loss: 1,
        learning_rate: null,
      };
      attempt.report({ type: 'progress', ...progress, metrics: { val_loss: 1 } });
      return success({ made: 'something' });
    });
    const job = await ended(await submit('acme-corp'));
    expect(job).toMatchObject({
      status: 'succeeded',
      attempt: 1,
      result: { made: 'something' },
      resources: { workers: 2, gpus: 0 },
      progress: { current_epoch: 1, total_epochs: 2 },
      metrics: { val_loss: 0.5 },
      warnings: ['mind the gap'],
      leaseUntil: null,
    });
    const logs = await part(JobsService).logs('acme-corp', TRAINING, job.id, { limit: 10 });
    expect(logs.data).toMatchObject([{ level: 'info', message: 'hello', attempt: 1 }]);
    const events = await service.database.query<{ type: string; seq: number }>(
      'select type, seq from job_events order by attempt, seq',
    );
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(events.at(-1)?.type).toBe('succeeded');
    expect(await part(JobQueues).all.get('training')?.count()).toBe(0);
  });

  it('fails a job with the code and message of its handler, and with INTERNAL_ERROR and no detail when that throws', async () => {
    work(async ({ job }) => {
      if (job.tenantId === 'globex') throw new Error('secret of the house');
      return { type: 'failed', code: 'DATA_UNFIT', message: 'there is one class only' };
    });
    expect(await ended(await submit('acme-corp'))).toMatchObject({
      status: 'failed',
      errorCode: 'DATA_UNFIT',
      errorMessage: 'there is one class only',
    });
    const internal = await ended(await submit('globex'));
    expect(internal).toMatchObject({ status: 'failed', errorCode: 'INTERNAL_ERROR' });
    expect(internal.errorMessage).not.toContain('secret');
  });

  it('ends a job although what it says holds a NUL, which PostgreSQL does not keep', async () => {
    work(async (attempt) => {
      attempt.report({ type: 'log', level: 'info', message: 'a\0b' });
      if (attempt.job.tenantId === 'globex') return success({ made: 'a\0b' });
      return { type: 'failed', code: 'DATA_UNFIT', message: 'the category a\0b' };
    });
    const failed = await ended(await submit('acme-corp'));
    expect(failed).toMatchObject({ status: 'failed', attempt: 1, errorMessage: 'the category a\ufffdb' });
    expect(await ended(await submit('globex'))).toMatchObject({
      status: 'failed',
      attempt: 1,
      errorCode: 'INTERNAL_ERROR',
    });
  });

  it('tries a job whose process crashes again, and gives up after its attempts', async () => {
    let tries = 0;
    work(async ({ job }) => {
      tries++;
      return job.tenantId === 'globex' && job.attempt === 2
        ? success()
        : { type: 'crashed', message: 'It was killed.' };
    });
    expect(await ended(await submit('acme-corp'))).toMatchObject({
      status: 'failed',
      errorCode: 'ENGINE_CRASHED',
      attempt: 3,
    });
    expect(tries).toBe(3);
    expect(await ended(await submit('globex'))).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('tries a job again that found the database away', async () => {
    let tries = 0;
    work(async () => {
      if (++tries === 1) throw new DatabaseUnavailable(new Error('connection refused'));
      return success();
    });
    expect(await ended(await submit('acme-corp'))).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('claims a job for one of many workers that ask at once', async () => {
    await submit('acme-corp');
    const claims = await Promise.all(
      Array.from({ length: 10 }, (_, at) => part(JobClaimsRepository).next('training', `w${at}`, LIMITS)),
    );
    expect(claims.filter(Boolean)).toHaveLength(1);
  });

  it('does not claim a job that ends while the claim waits for its row', async () => {
    const job = await submit('acme-corp');
    await part(JobClaimsRepository).next('training', 'late', LIMITS);
    const ending = service.database.query(`
      begin;
      update jobs set lease_until = clock_timestamp() - interval '1 second';
      commit;
      begin;
      update jobs set status = 'succeeded', ended_at = clock_timestamp();
      select pg_sleep(1);
      commit`);
    await sleep(500);
    expect(await part(JobClaimsRepository).next('training', 'next', LIMITS)).toBeUndefined();
    await ending;
    expect(await read(job)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('lets tenants take turns and holds each to its limit', async () => {
    for (let count = 0; count < 5; count++) await submit('acme-corp');
    await submit('globex');
    await submit('initech');
    const order = [];
    for (let claim; (claim = await part(JobClaimsRepository).next('training', 'w', LIMITS));)
      order.push(claim.tenant);
    expect(order).toEqual(['acme-corp', 'globex', 'initech', 'acme-corp']);
  });

  it('refuses more open jobs than a tenant may have', async () => {
    await Promise.all(Array.from({ length: 20 }, () => submit('acme-corp')));
    await expect(submit('acme-corp')).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      extra: { headers: { 'Retry-After': '60' } },
    });
    await submit('globex');
  });

  it('gives a job whose lease has run out to the next worker, and ignores what the first still says', async () => {
    const job = await submit('acme-corp');
    const first = await part(JobClaimsRepository).next('training', 'first', LIMITS);
    expect(await part(JobClaimsRepository).next('training', 'second', LIMITS)).toBeUndefined();
    await service.database.query(`update jobs set lease_until = clock_timestamp() - interval '1 second'`);

    let finishSecond = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finishSecond = resolve));
    work(async () => gate.then(() => success({ by: 'second' })));
    await until(job, (now) => now.attempt === 2);

    const { id, attempt } = first as Claim;
    const late = await part(Database).asTenant('acme-corp', (scope) =>
      part(JobsRepository).end(scope, id, attempt, { status: 'succeeded', result: { by: 'first' } }),
    );
    expect(late).toBe(false);
    expect(await read(job)).toMatchObject({ status: 'running', attempt: 2, result: null });

    finishSecond();
    expect(await ended(job)).toMatchObject({ status: 'succeeded', attempt: 2, result: { by: 'second' } });
  });

  it('keeps the lease of work that outlives it many times', async () => {
    work(async () => sleep(5000).then(() => success()));
    const job = await submit('acme-corp');
    expect(await ended(job)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('stops work whose lease somebody else has taken', async () => {
    let reason: unknown;
    work(async (attempt) => {
      const outcome = await stopped(attempt);
      reason = attempt.stopReason;
      return outcome;
    }, 1);
    const job = await submit('acme-corp');
    await until(job, (now) => now.status === 'running');
    await service.database.query(`update jobs set attempt = attempt + 1`);
    for (let tries = 0; reason === undefined && tries < 100; tries++) await sleep(50);
    expect(reason).toBe('lost');
    expect(await read(job)).toMatchObject({ status: 'running', attempt: 2 });
  });

  describe('a request to cancel', () => {
    it('ends a waiting job at once', async () => {
      const job = await submit('acme-corp');
      expect(await part(JobsService).cancel('acme-corp', TRAINING, job.id)).toMatchObject({
        status: 'cancelled',
      });
      expect(await part(JobClaimsRepository).next('training', 'w', LIMITS)).toBeUndefined();
    });

    it('ends a running job through its worker', async () => {
      work(stopped);
      const job = await submit('acme-corp');
      await until(job, (now) => now.status === 'running');
      expect(
        (await part(JobsService).cancel('acme-corp', TRAINING, job.id)).cancelRequestedAt,
      ).not.toBeNull();
      expect(await ended(job)).toMatchObject({ status: 'cancelled', result: null });
    });

    it('wins over a success that is not committed yet', async () => {
      let committed = 0;
      work(async ({ job }) => {
        await part(JobsService).cancel('acme-corp', TRAINING, job.id);
        return { type: 'succeeded', metrics: {}, commit: async () => ({ committed: ++committed }) };
      });
      expect(await ended(await submit('acme-corp'))).toMatchObject({ status: 'cancelled', result: null });
      expect(committed).toBe(0);
    });

    it('is carried out by the reconciler when the worker has died', async () => {
      const job = await submit('acme-corp');
      await part(JobClaimsRepository).next('training', 'dead', LIMITS);
      await part(JobsService).cancel('acme-corp', TRAINING, job.id);
      await service.database.query(`update jobs set lease_until = clock_timestamp() - interval '1 second'`);
      await part(JobReconciler).reconcile();
      expect(await read(job)).toMatchObject({ status: 'cancelled' });
    });
  });

  it('fails a job whose workers died as often as it may be tried', async () => {
    const job = await submit('acme-corp');
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(await part(JobClaimsRepository).next('training', 'dies', LIMITS)).toMatchObject({ attempt });
      await service.database.query(`update jobs set lease_until = clock_timestamp() - interval '1 second'`);
    }
    expect(await part(JobClaimsRepository).next('training', 'dies', LIMITS)).toBeUndefined();
    await part(JobReconciler).reconcile();
    expect(await read(job)).toMatchObject({ status: 'failed', errorCode: 'WORKER_LOST' });
    const events = await service.database.query('select attempt, seq, type from job_events');
    expect(events).toEqual([{ attempt: 3, seq: 1, type: 'failed' }]);
  });

  it('finds a job that the queue forgot', async () => {
    const job = await submit('acme-corp');
    await until(job, () => true);
    await part(JobQueues).all.get('training')?.empty();
    work(async () => success());
    await sleep(300);
    expect((await read(job)).status).toBe('submitted');
    await part(JobReconciler).reconcile();
    expect(await ended(job)).toMatchObject({ status: 'succeeded' });
  });

  it('gives running jobs back unhurt when the worker shuts down', async () => {
    work(stopped);
    const job = await submit('acme-corp');
    await until(job, (now) => now.status === 'running');
    await part(JobRunner).onModuleDestroy();
    expect(await read(job)).toMatchObject({ status: 'submitted', attempt: 1, released: 1, leaseUntil: null });
  });

  it('ends a job that runs longer than it may', async () => {
    part(JobRunner).start({ kind: TRAINING, concurrency: 1, maxRunSeconds: 0, run: stopped });
    expect(await ended(await submit('acme-corp'))).toMatchObject({
      status: 'failed',
      errorCode: 'TIME_LIMIT',
    });
  });
});
