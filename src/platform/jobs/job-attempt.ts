import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, TenantScope } from '../database/database.js';
import type { AppLogger } from '../observability/logger.js';
import type { Claim } from './job-claims.repository.js';
import type { Job, JobEvent, JobProgress } from './job.entity.js';
import type { AttemptUpdate, JobsRepository } from './jobs.repository.js';

/** Why an attempt was stopped before it ended by itself. */
export type StopReason = 'cancelled' | 'lost' | 'shutdown' | 'time limit';

/** What an engine says while it works; contracts/job-event.v1.schema.json. */
export type ReportedEvent =
  | { type: 'started'; workers: number; gpus: number }
  | { type: 'log'; level: string; message: string }
  | { type: 'warning'; message: string }
  | ({ type: 'progress'; metrics: Record<string, number | null> } & JobProgress);

const HEARTBEAT_MS = 1000;

/**
 * A worker's hold on a job: keeps the lease, writes what the work reports once a second, and hears of a request
 * to cancel. `signal` is aborted with a StopReason when the work has to stop.
 */
export class JobAttempt {
  private readonly controller = new AbortController();
  private pending: { update: AttemptUpdate; events: Partial<JobEvent>[] } = { update: {}, events: [] };
  /** Those of the submission and of earlier attempts are kept; the same one is said once. */
  private readonly warnings: Set<string>;
  private seq = 0;
  private logLines = 0;
  private heartbeat?: NodeJS.Timeout;
  private beating: Promise<void> = Promise.resolve();
  private lastBeat = Date.now();

  constructor(
    readonly job: Job,
    readonly claim: Claim,
    private readonly limits: { leaseSeconds: number; maxRunSeconds: number; maxLogLines: number },
    private readonly database: Database,
    private readonly jobs: JobsRepository,
    private readonly logger: AppLogger,
  ) {
    this.warnings = new Set(job.warnings);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  get stopReason(): StopReason | undefined {
    return this.signal.aborted ? (this.signal.reason as StopReason) : undefined;
  }

  start(): void {
    const every = Math.min(HEARTBEAT_MS, (this.limits.leaseSeconds * 1000) / 4);
    const deadline = Date.now() + this.limits.maxRunSeconds * 1000;
    const beat = async () => {
      if (Date.now() > deadline) this.stop('time limit');
      this.beating = this.flush();
      await this.beating;
      if (this.heartbeat) this.heartbeat = setTimeout(beat, every);
    };
    this.heartbeat = setTimeout(beat, every);
  }

  stop(reason: StopReason): void {
    if (!this.signal.aborted) this.controller.abort(reason);
  }

  /** Keeps the hold on the job while what it needs is away; ends early when the work has to stop. */
  async pause(seconds: number): Promise<void> {
    await sleep(seconds * 1000, undefined, { signal: this.signal }).catch(() => undefined);
  }

  report(said: ReportedEvent): void {
    const event = withoutNul(said);
    const { update } = this.pending;
    if (event.type === 'started') update.resources = { workers: event.workers, gpus: event.gpus };
    if (event.type === 'warning') update.warnings = [...this.warnings.add(event.message)];
    if (event.type === 'progress') {
      const { type: _, metrics, ...progress } = event;
      update.progress = progress;
      update.metrics = metrics;
    }
    if (event.type === 'log' && ++this.logLines > this.limits.maxLogLines) return;
    const { type, ...data } = event;
    this.pending.events.push({ type, data, createdAt: new Date() });
  }

  /** Stops the heartbeat; returns what was reported and not yet written, for the transaction that ends the job. */
  async finish(): Promise<AttemptUpdate> {
    clearTimeout(this.heartbeat);
    this.heartbeat = undefined;
    await this.beating;
    return this.pending.update;
  }

  /** Writes the events that are left, and `last`, in the transaction that ends the job. */
  async writeEvents(
    scope: TenantScope,
    last: { type: string; data: Record<string, unknown> },
  ): Promise<void> {
    await this.jobs.addEvents(scope, this.numbered([...this.pending.events, last]));
  }

  private async flush(): Promise<void> {
    const { update, events } = this.pending;
    this.pending = { update: {}, events: [] };
    try {
      const cancelled = await this.database.asTenant(this.claim.tenant, async (scope) => {
        const held = await this.jobs.heartbeat(
          scope,
          this.claim.id,
          this.claim.attempt,
          this.limits.leaseSeconds,
          update,
        );
        if (held !== undefined) await this.jobs.addEvents(scope, this.numbered(events));
        return held;
      });
      this.lastBeat = Date.now();
      if (cancelled === undefined) this.stop('lost');
      if (cancelled) this.stop('cancelled');
    } catch (error) {
      // Kept for the next beat; past the lease somebody else may hold the job.
      this.pending.update = { ...update, ...this.pending.update };
      this.pending.events.unshift(...events);
      this.logger.failure('heartbeat failed', error);
      if (Date.now() - this.lastBeat > this.limits.leaseSeconds * 1000) this.stop('lost');
    }
  }

  private numbered(events: readonly Partial<JobEvent>[]): Partial<JobEvent>[] {
    const { tenant, id, attempt } = this.claim;
    return events.map((event) => ({ ...event, tenantId: tenant, jobId: id, attempt, seq: ++this.seq }));
  }
}

/** PostgreSQL keeps no NUL; data may hold one, and what is said of the data with it. */
export function withoutNul<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replaceAll('\\u0000', '\ufffd')) as T;
}
