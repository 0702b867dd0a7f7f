import { hostname } from 'node:os';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { ObjectStoreError } from '#libs/object-store';
import { JobsConfig } from '../../config/index.js';
import { Database, type TenantScope } from '../database/database.js';
import { DatabaseUnavailable } from '../database/database-unavailable.js';
import { Problem } from '../errors/problem.js';
import { AppLogger } from '../observability/logger.js';
import { currentContext, runInContext } from '../observability/request-context.js';
import { parseTraceParent } from '../observability/trace-context.js';
import { Tracing } from '../observability/tracing.js';
import { JobAttempt, withoutNul } from './job-attempt.js';
import { type Claim, JobClaimsRepository } from './job-claims.repository.js';
import type { Job } from './job.entity.js';
import type { JobKind, JobRef } from './job-kind.js';
import { JobQueues, NothingToClaim } from './job-queues.js';
import { type AttemptUpdate, type Ending, JobsRepository } from './jobs.repository.js';

/** How an attempt ended. `commit` publishes the results in the transaction that ends the row and returns their names. */
export type Outcome =
  | { type: 'succeeded'; metrics: Job['metrics']; commit: Commit }
  | { type: 'failed'; code: string; message: string }
  | { type: 'crashed'; message: string }
  | { type: 'aborted' };

type Commit = (scope: TenantScope) => Promise<Record<string, unknown>>;

export interface JobHandler {
  readonly kind: JobKind;
  /** Jobs of this kind that one worker runs at once. */
  readonly concurrency: number;
  readonly maxRunSeconds: number;
  /** Somebody waits for the answer: a failure that may pass is told at once and not tried again. */
  readonly isAwaited?: boolean;
  /** Does the work until it ends or `attempt.signal` is aborted. A Problem or ObjectStoreError fails it. */
  run(attempt: JobAttempt): Promise<Outcome>;
  /** Runs after the row has ended or was given back, to clear away what the attempt left. */
  cleanUp?(claim: Claim): Promise<void>;
}

/** Failures of what the work needs and not of the work: another attempt may go better. */
const PASSING_FAILURES: readonly string[] = ['OBJECT_STORE_UNAVAILABLE', 'DATABASE_UNAVAILABLE'];

/** A job that ended while its results were about to be published. */
class NoLongerHeld extends Error {}

/** Claims jobs, runs them through their handler and ends their rows: each once. */
@Injectable()
export class JobRunner implements OnModuleDestroy {
  private readonly worker = `${hostname()}:${process.pid}`;
  private readonly attempts = new Set<JobAttempt>();
  private readonly running = new Set<Promise<void>>();
  private readonly handlers: JobHandler[] = [];
  private stopping = false;

  constructor(
    private readonly config: JobsConfig,
    private readonly database: Database,
    private readonly claims: JobClaimsRepository,
    private readonly jobs: JobsRepository,
    private readonly queues: JobQueues,
    private readonly tracing: Tracing,
    private readonly logger: AppLogger,
  ) {}

  start(handler: JobHandler): void {
    this.handlers.push(handler);
    this.queues.process(handler.kind.name, handler.concurrency, (ref) =>
      this.track(this.onWake(handler, ref)),
    );
  }

  /** Gives running jobs back unhurt, so that another worker can go on with them at once. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    for (const attempt of this.attempts) attempt.stop('shutdown');
    await Promise.allSettled([...this.running]);
  }

  private track(work: Promise<void>): Promise<void> {
    this.running.add(work);
    return work.finally(() => this.running.delete(work));
  }

  /**
   * A wake-up means that there is something to do, not what: whose turn it is, the claim decides. It runs jobs
   * until none can be claimed, and stays in the queue while the row that it names has not ended.
   */
  private async onWake(handler: JobHandler, ref: JobRef): Promise<void> {
    if (!(await this.claims.isOpen(ref.id))) return;
    while (!this.stopping) {
      const claim = await this.claims.next(handler.kind.name, this.worker, this.config);
      if (!claim) break;
      await runInContext({ tenant: claim.tenant, jobId: claim.id }, () => this.execute(handler, claim));
    }
    if (await this.claims.isOpen(ref.id)) throw new NothingToClaim();
  }

  private async execute(handler: JobHandler, claim: Claim): Promise<void> {
    const startMs = performance.timeOrigin + performance.now();
    const attempt = await this.begin(handler, claim);
    const parent = parseTraceParent(attempt.job.traceParent);
    const context = currentContext();
    if (context) context.trace = this.tracing.enter(parent);
    this.logger.info('job started', { attempt: claim.attempt });
    let outcome: Outcome;
    try {
      outcome = await handler.run(attempt);
    } catch (error) {
      outcome = this.outcomeOf(error);
    }
    try {
      await this.conclude(handler, attempt, outcome);
    } catch (error) {
      this.logger.failure('job could not be ended', error);
      // What the database will never take would fail every attempt; anything else may go better after the lease.
      if (isRefusedForGood(error)) {
        await this.fail(attempt, 'INTERNAL_ERROR', 'The results of the job could not be stored.').catch(
          () => undefined,
        );
      }
    } finally {
      this.attempts.delete(attempt);
      this.tracing.end(context?.trace, parent, () => ({
        name: `run ${handler.kind.name}`,
        kind: 'consumer',
        startMs,
        failed: outcome.type !== 'succeeded',
        attributes: { 'modelplane.job_id': claim.id, 'modelplane.job_attempt': claim.attempt },
      }));
      await handler
        .cleanUp?.(claim)
        .catch((error: Error) => this.logger.failure('job left files behind', error));
    }
  }

  private async begin(handler: JobHandler, claim: Claim): Promise<JobAttempt> {
    const job = await this.database.asTenant(claim.tenant, (scope) =>
      this.jobs.find(scope, handler.kind.name, claim.id),
    );
    if (!job) throw new Error(`claimed the job ${claim.id}, which is not there`);
    const limits = {
      leaseSeconds: this.config.leaseSeconds,
      maxLogLines: this.config.maxLogLines,
      maxRunSeconds: handler.maxRunSeconds,
    };
    const attempt = new JobAttempt(job, claim, limits, this.database, this.jobs, this.logger);
    this.attempts.add(attempt);
    attempt.start();
    if (this.stopping) attempt.stop('shutdown');
    return attempt;
  }

  private outcomeOf(error: unknown): Outcome {
    if (error instanceof Problem) return { type: 'failed', code: error.code, message: error.detail };
    if (error instanceof ObjectStoreError)
      return { type: 'failed', code: error.code, message: error.message };
    if (error instanceof DatabaseUnavailable)
      return { type: 'failed', code: 'DATABASE_UNAVAILABLE', message: error.message };
    this.logger.failure('job handler failed', error);
    return { type: 'failed', code: 'INTERNAL_ERROR', message: 'The service failed while it ran the job.' };
  }

  private async conclude(handler: JobHandler, attempt: JobAttempt, outcome: Outcome): Promise<void> {
    if (outcome.type === 'succeeded') {
      try {
        return await this.end(attempt, (scope) => this.publish(scope, attempt, outcome.commit), {
          metrics: outcome.metrics,
        });
      } catch (error) {
        if (error instanceof Problem) return this.fail(attempt, error.code, error.detail);
        if (!(error instanceof NoLongerHeld)) throw error;
      }
    }
    if (outcome.type === 'failed' && (handler.isAwaited || !PASSING_FAILURES.includes(outcome.code)))
      return this.fail(attempt, outcome.code, outcome.message);
    if (outcome.type === 'failed' || outcome.type === 'crashed') {
      const code = outcome.type === 'failed' ? outcome.code : 'ENGINE_CRASHED';
      const message = outcome.message.replace(/\.$/, '');
      const tries = attempt.claim.attempt - attempt.job.released;
      if (tries >= this.config.maxAttempts)
        return this.fail(attempt, code, `${message}. It was tried ${tries} times.`);
      // A process that died can be started again at once; a server that is away needs time.
      if (outcome.type === 'failed') await attempt.pause(this.config.retrySeconds);
      if (!attempt.stopReason) return this.giveBack(attempt, false, message);
    }

    // Stopped from outside, or cancelled while the results were being published.
    switch (attempt.stopReason) {
      case 'shutdown':
        return this.giveBack(attempt, true, 'the worker shut down');
      case 'time limit':
        return this.fail(attempt, 'TIME_LIMIT', 'The job ran longer than this service allows.');
      case 'lost':
        return void (await attempt.finish());
      default:
        return this.end(attempt, async () => ({ status: 'cancelled' }));
    }
  }

  private async publish(scope: TenantScope, { claim }: JobAttempt, commit: Commit): Promise<Ending> {
    const row = await this.jobs.lock(scope, claim.id);
    if (row?.attempt !== claim.attempt || row.status !== 'running' || row.cancelRequestedAt)
      throw new NoLongerHeld();
    return { status: 'succeeded', result: await commit(scope) };
  }

  private fail(attempt: JobAttempt, errorCode: string, errorMessage: string): Promise<void> {
    return this.end(attempt, async () => withoutNul({ status: 'failed', errorCode, errorMessage }));
  }

  private async giveBack(attempt: JobAttempt, unhurt: boolean, reason: string): Promise<void> {
    const { claim, job } = attempt;
    await attempt.finish();
    const released = await this.database.asTenant(claim.tenant, async (scope) => {
      // An attempt that lost the job must not say anything after the next one has begun.
      if (!(await this.jobs.release(scope, claim.id, claim.attempt, unhurt))) return false;
      await attempt.writeEvents(scope, {
        type: 'log',
        data: { level: 'warning', message: `attempt ${claim.attempt} stopped: ${reason}` },
      });
      return true;
    });
    this.logger.info('job given back', { attempt: claim.attempt, reason });
    if (released) this.queues.wake(job.kind, claim);
  }

  private async end(
    attempt: JobAttempt,
    ending: (scope: TenantScope) => Promise<Ending>,
    results: AttemptUpdate = {},
  ): Promise<void> {
    const { claim } = attempt;
    const update = { ...(await attempt.finish()), ...results };
    const status = await this.database.asTenant(claim.tenant, async (scope) => {
      const last = await ending(scope);
      if (!(await this.jobs.end(scope, claim.id, claim.attempt, last, update))) return 'lost';
      await attempt.writeEvents(scope, { type: last.status, data: { ...last } });
      return last.status;
    });
    this.logger.info('job ended', { attempt: claim.attempt, status });
  }
}

/** SQLSTATE class 22, data exception, or 23, integrity constraint violation. */
function isRefusedForGood(error: unknown): boolean {
  return error instanceof QueryFailedError && /^2[23]/.test(String(error.driverError.code));
}
