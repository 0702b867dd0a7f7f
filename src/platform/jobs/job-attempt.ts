import { setTimeout as sleep } from 'node:timers/promises';
import type { JobReport } from '#libs/compute';
import type { Database, TenantScope } from '../database/database.js';
import type { AppLogger } from '../observability/logger.js';
import type { EventBody, JobEventsRepository } from './job-events.repository.js';
import type { AttemptRef, JobKind } from './job-kind.js';
import type { Job, JobEvent } from './job.entity.js';
import type { AttemptUpdate, JobsRepository } from './jobs.repository.js';

/**
 * Why an attempt was stopped before it ended by itself: somebody cancelled or paused the job, another worker holds it,
 * this worker shuts down, the job has run for as long as its kind may, or its handler has found why it must fail.
 */
export type StopReason = 'cancelled' | 'paused' | 'lost' | 'shutdown' | 'time limit' | 'failed';

/** What a handler tells of its work while it works; `Progress` is what its kind calls progress. */
export type AttemptReport<Progress> =
  JobReport | { type: 'progress'; progress: Progress; metrics: Record<string, number | null> };

/** Writes rows of a module's own for events of its job, in the transaction that writes the events. */
export type KeepEvents = (scope: TenantScope, events: readonly EventBody[]) => Promise<void>;

type UnwrittenEvent = EventBody & { readonly createdAt?: Date };

const HEARTBEAT_MS = 1000;

/**
 * A worker's hold on a job. It prolongs the lease, writes what the work reports once a second, and hears then of a
 * request to cancel or to pause. `signal` is aborted with a StopReason when the work has to stop.
 */
export class JobAttempt<Spec = unknown, Progress = unknown> {
  private readonly controller = new AbortController();
  private readonly givingWay = new AbortController();
  private pending: { update: AttemptUpdate; events: UnwrittenEvent[] } = { update: {}, events: [] };
  /** The warnings of the submission and of earlier attempts are kept; a warning that is repeated is kept once. */
  private readonly warnings: Set<string>;
  private keep: KeepEvents | undefined;
  private seq = 0;
  private logLines = 0;
  private heartbeat?: NodeJS.Timeout;
  private beating: Promise<void> = Promise.resolve();
  private lastBeat = Date.now();

  constructor(
    private row: Job,
    readonly claim: AttemptRef,
    private readonly limits: { leaseSeconds: number; maxRunSeconds: number; maxLogLines: number },
    private readonly database: Database,
    private readonly jobs: JobsRepository,
    private readonly events: JobEventsRepository,
    private readonly logger: AppLogger,
  ) {
    this.warnings = new Set(row.warnings);
  }

  /** The job as it was claimed, with the spec that `readSpec` has parsed. */
  get job(): Job<Spec, Progress> {
    return this.row as Job<Spec, Progress>;
  }

  /** @throws UnreadableSpec where the row's spec is not one of its kind */
  readSpec(kind: JobKind): void {
    this.row = kind.read(this.row);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Aborted where the work should end at its next border with the outcome `gave_way`, if its kind can. */
  get giveWay(): AbortSignal {
    return this.givingWay.signal;
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

  /** From now on `keep` is called with all events that are written: each one once, in their order. */
  keepEvents(keep: KeepEvents): void {
    this.keep = keep;
  }

  askToGiveWay(): void {
    this.givingWay.abort();
  }

  /** Waits without letting the job go, until the time is over or the work has to stop. */
  async wait(seconds: number): Promise<void> {
    await sleep(seconds * 1000, undefined, { signal: this.signal }).catch(() => undefined);
  }

  report(said: AttemptReport<Progress>): void {
    const event = withoutNul(said);
    const { update } = this.pending;
    if (event.type === 'started') update.resources = { workers: event.workers, gpus: event.gpus };
    if (event.type === 'warning') update.warnings = [...this.warnings.add(event.message)];
    if (event.type === 'progress') {
      update.progress = event.progress;
      update.metrics = event.metrics;
    }
    if (event.type === 'log' && ++this.logLines > this.limits.maxLogLines) return;
    this.pending.events.push({ ...eventOf(event), createdAt: new Date() });
  }

  /**
   * Writes the engine's own id of the job at once, and not with the next heartbeat.
   * @throws DatabaseUnavailable
   */
  async keepEngineJobId(engineJobId: string): Promise<void> {
    const requests = await this.database.asTenant(this.claim.tenant, (scope) =>
      this.jobs.heartbeat(scope, this.claim, this.limits.leaseSeconds, { engineJobId }),
    );
    if (!requests) this.stop('lost');
  }

  /** Stops the heartbeat. @returns what was reported and not written yet, for the transaction that lets the job go */
  async stopHeartbeat(): Promise<AttemptUpdate> {
    clearTimeout(this.heartbeat);
    this.heartbeat = undefined;
    await this.beating;
    return this.pending.update;
  }

  /** Writes the events that are not written yet, and the last ones, in the transaction that lets the job go. */
  async writeEvents(scope: TenantScope, last: readonly EventBody[]): Promise<void> {
    await this.write(scope, [...this.pending.events, ...last]);
  }

  private async flush(): Promise<void> {
    const { update, events } = this.pending;
    this.pending = { update: {}, events: [] };
    try {
      const requests = await this.database.asTenant(this.claim.tenant, async (scope) => {
        const held = await this.jobs.heartbeat(scope, this.claim, this.limits.leaseSeconds, update);
        if (held) await this.write(scope, events);
        return held;
      });
      this.lastBeat = Date.now();
      if (!requests) this.stop('lost');
      if (requests?.cancel) this.stop('cancelled');
      if (requests?.pause) this.stop('paused');
    } catch (error) {
      // The next beat writes it instead. Once the lease has run out, somebody else may hold the job.
      this.pending.update = { ...update, ...this.pending.update };
      this.pending.events.unshift(...events);
      this.logger.failure('heartbeat failed', error);
      if (Date.now() - this.lastBeat > this.limits.leaseSeconds * 1000) this.stop('lost');
    }
  }

  private async write(scope: TenantScope, events: readonly UnwrittenEvent[]): Promise<void> {
    await this.events.add(scope, this.numbered(events));
    await this.keep?.(scope, events);
  }

  private numbered(events: readonly UnwrittenEvent[]): Partial<JobEvent>[] {
    const { tenant, id, attempt } = this.claim;
    return events.map((event) => ({ ...event, tenantId: tenant, jobId: id, attempt, seq: ++this.seq }));
  }
}

function eventOf<Progress>(report: AttemptReport<Progress>): EventBody {
  if (report.type === 'progress')
    return { type: 'progress', data: { ...report.progress, metrics: report.metrics } };
  const { type, ...data } = report;
  return { type, data };
}

/** PostgreSQL keeps no NUL in a text, and what is said about data may quote one. */
export function withoutNul<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replaceAll('\\u0000', '\ufffd')) as T;
}
