import { Injectable } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { OUT_OF_MEMORY } from '#libs/compute';
import { ObjectStoreError } from '#libs/object-store';
import { JobsConfig } from '../../config/index.js';
import { Database, type TenantScope } from '../database/database.js';
import { DatabaseUnavailable } from '../database/database-unavailable.js';
import { Problem } from '../errors/problem.js';
import { AppLogger } from '../observability/logger.js';
import { type JobAttempt, withoutNul } from './job-attempt.js';
import { closingEvents } from './job-events.repository.js';
import { GoesOn, type Outcome } from './job-handlers.js';
import type { JobKind } from './job-kind.js';
import type { AttemptEnd } from './job-metrics.js';
import { JobQueues } from './job-queues.js';
import { UnreadableSpec } from './job-spec.js';
import { JobTrees } from './job-trees.js';
import type { Job } from './job.entity.js';
import { type AttemptUpdate, type Ending, JobsRepository } from './jobs.repository.js';

/** Failures of what the work needs and not of the work: another attempt may go better. */
const PASSING_FAILURES: readonly string[] = [
  'OBJECT_STORE_UNAVAILABLE',
  'ONLINE_STORE_UNAVAILABLE',
  'FEATURES_UNAVAILABLE',
  'DATABASE_UNAVAILABLE',
  'ENGINE_UNAVAILABLE',
];

/** The attempt lost the job, or somebody cancelled it, while its results were about to be published. */
class MayNotPublish extends Error {}

interface GivenBack {
  /** Whether the attempt counts against the most that a job may have. */
  readonly isCounted: boolean;
  readonly reason: string;
  /** What the job did to its own process. */
  readonly crash?: string | null;
  readonly level?: 'info' | 'warning';
  readonly end?: AttemptEnd;
}

/** Ends the row of a job as its attempt went, or gives it back: once, and only while the attempt holds it. */
@Injectable()
export class AttemptEndings {
  constructor(
    private readonly config: JobsConfig,
    private readonly database: Database,
    private readonly jobs: JobsRepository,
    private readonly trees: JobTrees,
    private readonly queues: JobQueues,
    private readonly logger: AppLogger,
  ) {}

  /** What an error that a handler threw means for its job. */
  outcomeOf(error: unknown): Outcome {
    if (error instanceof Problem) return { type: 'failed', code: error.code, message: error.detail };
    if (error instanceof ObjectStoreError)
      return { type: 'failed', code: error.code, message: error.message };
    if (error instanceof DatabaseUnavailable)
      return { type: 'failed', code: 'DATABASE_UNAVAILABLE', message: error.message };
    if (error instanceof UnreadableSpec)
      return { type: 'failed', code: 'SPEC_UNREADABLE', message: error.message };
    this.logger.failure('job handler failed', error);
    return { type: 'failed', code: 'INTERNAL_ERROR', message: 'The service failed while it ran the job.' };
  }

  /** Never throws: what cannot be written now is found by the next attempt, once the lease has run out. */
  async conclude(kind: JobKind, attempt: JobAttempt, outcome: Outcome): Promise<AttemptEnd> {
    try {
      return await this.tryToConclude(kind, attempt, outcome);
    } catch (error) {
      this.logger.failure('job could not be ended', error);
      // What the database will never take would fail every attempt; anything else may go better after the lease.
      if (!isRefusedForGood(error)) return 'lost';
      return this.fail(attempt, 'INTERNAL_ERROR', 'The results of the job could not be stored.').catch(
        () => 'lost',
      );
    }
  }

  private async tryToConclude(kind: JobKind, attempt: JobAttempt, outcome: Outcome): Promise<AttemptEnd> {
    if (outcome.type === 'succeeded') {
      try {
        return await this.end(attempt, (scope) => this.publish(scope, attempt, outcome.commit), {
          metrics: outcome.metrics,
        });
      } catch (error) {
        if (error instanceof Problem) return this.fail(attempt, error.code, error.detail);
        if (error instanceof GoesOn)
          return this.giveBack(attempt, { isCounted: false, reason: error.message, level: 'info' });
        if (!(error instanceof MayNotPublish)) throw error;
      }
    }
    if (outcome.type === 'failed' && (kind.isAwaited || !PASSING_FAILURES.includes(outcome.code)))
      return this.fail(attempt, outcome.code, outcome.message);
    if (outcome.type === 'failed' || outcome.type === 'crashed') {
      const code = outcome.type === 'failed' ? outcome.code : codeOfCrash(outcome.cause);
      const message = outcome.message.replace(/\.$/, '');
      const crash = (outcome.type === 'crashed' && outcome.cause) || null;
      if (crash && crash === attempt.job.crashedBy)
        return this.fail(attempt, code, `${message}. Two attempts ended so: it is not tried again.`);
      const tries = attempt.claim.attempt - attempt.job.uncountedAttempts;
      if (tries >= this.config.maxAttempts)
        return this.fail(attempt, code, `${message}. It was tried ${tries} times.`);
      // A process that died can be started again at once; a server that is away needs time.
      if (outcome.type === 'failed') await attempt.wait(this.config.retrySeconds);
      if (!attempt.stopReason) return this.giveBack(attempt, { isCounted: true, reason: message, crash });
    }

    if (outcome.type === 'gave_way' && !attempt.stopReason)
      return this.giveBack(attempt, {
        isCounted: false,
        reason: 'it gave way to a job of a tenant that ran nothing, and goes on in its turn',
        level: 'info',
        end: 'gave_way',
      });

    // The attempt was stopped from outside, or the job was cancelled while its results were being published.
    switch (attempt.stopReason) {
      case 'shutdown':
        return this.giveBack(attempt, { isCounted: false, reason: 'the worker shut down' });
      case 'paused':
        return this.giveBack(attempt, { isCounted: false, reason: 'the job was paused' });
      case 'time limit':
        return this.fail(attempt, 'TIME_LIMIT', 'The job ran longer than this service allows.');
      case 'lost':
        await attempt.stopHeartbeat();
        return 'lost';
      default:
        return this.end(attempt, async () => ({ status: 'cancelled' }));
    }
  }

  private async publish(
    scope: TenantScope,
    { claim }: JobAttempt,
    commit: (scope: TenantScope, row: Job) => Promise<unknown>,
  ): Promise<Ending> {
    const row = await this.jobs.lock(scope, claim.id);
    if (row?.attempt !== claim.attempt || row.status !== 'running' || row.cancelRequestedAt)
      throw new MayNotPublish();
    return { status: 'succeeded', result: await commit(scope, row) };
  }

  private fail(attempt: JobAttempt, errorCode: string, errorMessage: string): Promise<AttemptEnd> {
    return this.end(attempt, async () => withoutNul({ status: 'failed', errorCode, errorMessage }));
  }

  private async giveBack(
    attempt: JobAttempt,
    { isCounted, reason, crash = null, level = 'warning', end = 'given_back' }: GivenBack,
  ): Promise<AttemptEnd> {
    const { claim, job } = attempt;
    const update = await attempt.stopHeartbeat();
    const status = await this.database.asTenant(claim.tenant, async (scope) => {
      // An attempt that lost the job must not say anything after the next one has begun.
      const now = await this.jobs.giveBack(scope, claim, isCounted, { ...update, crashedBy: crash });
      if (!now) return undefined;
      const message = `attempt ${claim.attempt} stopped: ${reason}`;
      await attempt.writeEvents(scope, [{ type: 'log', data: { level, message } }]);
      return now;
    });
    this.logger.info('job given back', { attempt: claim.attempt, reason, status });
    if (status === 'submitted') this.queues.wake(job.kind, claim);
    if (!status) return 'lost';
    return status === 'paused' ? 'paused' : end;
  }

  private async end(
    attempt: JobAttempt,
    ending: (scope: TenantScope) => Promise<Ending>,
    results: AttemptUpdate = {},
  ): Promise<AttemptEnd> {
    const { claim } = attempt;
    const update = { ...(await attempt.stopHeartbeat()), ...results };
    const status = await this.database.asTenant(claim.tenant, async (scope) => {
      const last = await ending(scope);
      if (!(await this.jobs.end(scope, claim, last, update))) return 'lost';
      await attempt.writeEvents(scope, closingEvents(last));
      if (last.status !== 'succeeded') await this.trees.cancelBelow(scope, claim.id);
      return last.status;
    });
    this.logger.info('job ended', { attempt: claim.attempt, status });
    return status;
  }
}

function codeOfCrash(cause?: string | null): string {
  return cause === OUT_OF_MEMORY ? 'OUT_OF_MEMORY' : 'ENGINE_CRASHED';
}

/** SQLSTATE class 22, data exception, or 23, integrity constraint violation. */
function isRefusedForGood(error: unknown): boolean {
  return error instanceof QueryFailedError && /^2[23]/.test(String(error.driverError.code));
}
