import { Injectable } from '@nestjs/common';
import { JobsConfig } from '../../config/index.js';
import { Database } from '../database/database.js';
import { AppLogger } from '../observability/logger.js';
import { currentContext } from '../observability/request-context.js';
import { parseTraceParent } from '../observability/trace-context.js';
import { Tracing } from '../observability/tracing.js';
import { AttemptEndings } from './attempt-endings.js';
import { JobAttempt } from './job-attempt.js';
import type { Claim } from './job-claims.repository.js';
import { JobEventsRepository } from './job-events.repository.js';
import type { JobHandler, Outcome } from './job-handlers.js';
import type { AttemptRef, JobKind, JobLimits } from './job-kind.js';
import { JobMetrics } from './job-metrics.js';
import { JobsRepository } from './jobs.repository.js';

/** Runs claimed jobs by their handlers, from the claim to the end of the row. */
@Injectable()
export class AttemptRunner {
  private readonly attempts = new Set<JobAttempt>();
  private stopped = false;

  constructor(
    private readonly config: JobsConfig,
    private readonly database: Database,
    private readonly jobs: JobsRepository,
    private readonly events: JobEventsRepository,
    private readonly endings: AttemptEndings,
    private readonly metrics: JobMetrics,
    private readonly tracing: Tracing,
    private readonly logger: AppLogger,
  ) {}

  /** Stops what runs and what is begun from now on, so that its jobs are given back. */
  stopAll(): void {
    this.stopped = true;
    for (const attempt of this.attempts) attempt.stop('shutdown');
  }

  /** @returns whether the attempt runs, and has heard that it should give way */
  askToGiveWay({ id, attempt }: AttemptRef): boolean {
    const asked = [...this.attempts].find(({ claim }) => claim.id === id && claim.attempt === attempt);
    asked?.askToGiveWay();
    return asked !== undefined;
  }

  /**
   * @param refusal why the job is failed instead of being run
   * @throws DatabaseUnavailable where the row could not be read; the claim then runs out
   */
  async run(
    kind: JobKind,
    handler: JobHandler,
    limits: JobLimits,
    claim: Claim,
    refusal?: string,
  ): Promise<void> {
    const startMs = performance.timeOrigin + performance.now();
    const attempt = await this.begin(kind, limits, claim);
    const parent = parseTraceParent(attempt.job.traceParent);
    const context = currentContext();
    if (context) context.trace = this.tracing.enter(parent);
    this.metrics.waited(kind.name, claim.waitedSeconds);
    this.logger.info('job started', { attempt: claim.attempt });
    const outcome: Outcome = refusal
      ? { type: 'failed', code: 'WORKER_TOO_SMALL', message: refusal }
      : await this.work(kind, handler, attempt);
    const end = await this.endings.conclude(kind, attempt, outcome);
    this.attempts.delete(attempt);
    const seconds = (performance.timeOrigin + performance.now() - startMs) / 1000;
    this.metrics.ran(claim.tenant, kind.name, end, seconds);
    this.tracing.end(context?.trace, parent, () => ({
      name: `run ${kind.name}`,
      kind: 'consumer',
      startMs,
      failed: outcome.type !== 'succeeded',
      attributes: { 'modelplane.job_id': claim.id, 'modelplane.job_attempt': claim.attempt },
    }));
    await handler
      .cleanUp?.(claim)
      .catch((error: Error) => this.logger.failure('job left files behind', error));
  }

  private async work(kind: JobKind, handler: JobHandler, attempt: JobAttempt): Promise<Outcome> {
    try {
      attempt.readSpec(kind);
      return await handler.run(attempt);
    } catch (error) {
      return this.endings.outcomeOf(error);
    }
  }

  private async begin(kind: JobKind, { maxRunSeconds }: JobLimits, claim: Claim): Promise<JobAttempt> {
    const row = await this.database.asTenant(claim.tenant, (scope) =>
      this.jobs.find(scope, kind.name, claim.id),
    );
    if (!row) throw new Error(`claimed the job ${claim.id}, which is not there`);
    const { leaseSeconds, maxLogLines } = this.config;
    const attempt = new JobAttempt(
      row,
      claim,
      { leaseSeconds, maxLogLines, maxRunSeconds },
      this.database,
      this.jobs,
      this.events,
      this.logger,
    );
    this.attempts.add(attempt);
    attempt.start();
    if (this.stopped) attempt.stop('shutdown');
    return attempt;
  }
}
