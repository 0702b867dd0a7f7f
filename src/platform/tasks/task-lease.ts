import { AppLogger } from '../observability/logger.js';
import type { TaskClaim, TasksRepository } from './tasks.repository.js';

/** The task is another process's by now, or may be. */
export class TaskLost extends Error {}

/** The process shuts down before the task is done. */
export class TaskInterrupted extends Error {}

/**
 * A process's hold on a task. It is prolonged for as long as the process lives, up to the longest that a turn may take.
 * By the process's own clock it ends no later than by the database's, so that whoever asks it before a write, even
 * after the process was stopped for a while, does not write what another one writes by then.
 */
export class TaskLease {
  private readonly controller = new AbortController();
  /** In milliseconds of `performance.now()`. */
  private heldUntil = 0;
  private expiry?: NodeJS.Timeout;
  private heartbeat?: NodeJS.Timeout;
  private readonly leaseMs: number;
  private readonly giveUpAt: number;

  /**
   * @param claimedAt `performance.now()` before the claim was sent
   * @param maxRunSeconds after which the lease is not prolonged any further
   */
  constructor(
    readonly claim: TaskClaim,
    private readonly leaseSeconds: number,
    maxRunSeconds: number,
    claimedAt: number,
    private readonly tasks: TasksRepository,
    private readonly logger: AppLogger,
  ) {
    this.leaseMs = leaseSeconds * 1000;
    this.giveUpAt = claimedAt + maxRunSeconds * 1000;
    this.holdFrom(claimedAt);
    this.beatLater();
  }

  /** Fencing token: of two holders the later one has the greater number. */
  get attempt(): number {
    return this.claim.attempt;
  }

  /** Aborted, with what `refuseLost` throws, when the work has to stop. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /**
   * To be called before each write and in each round of a loop.
   * @throws TaskLost where another process may hold the task; TaskInterrupted where this one shuts down
   */
  refuseLost(): void {
    if (performance.now() >= this.heldUntil) this.lose();
    this.signal.throwIfAborted();
  }

  interrupt(): void {
    this.controller.abort(new TaskInterrupted(`the process shuts down during ${this.claim.name}`));
  }

  /** Prolongs it no further. */
  close(): void {
    clearTimeout(this.expiry);
    clearTimeout(this.heartbeat);
    this.heartbeat = undefined;
  }

  private lose(): void {
    this.controller.abort(new TaskLost(`the lease of ${this.claim.name} ran out`));
  }

  private holdFrom(start: number): void {
    this.heldUntil = start + this.leaseMs;
    clearTimeout(this.expiry);
    this.expiry = setTimeout(() => this.lose(), this.heldUntil - performance.now()).unref();
  }

  private beatLater(): void {
    this.heartbeat = setTimeout(() => void this.beat(), this.leaseMs / 4).unref();
  }

  private async beat(): Promise<void> {
    const asked = performance.now();
    if (asked > this.giveUpAt || this.signal.aborted) return;
    try {
      const isHeld = await this.tasks.prolong(this.claim, this.leaseSeconds);
      if (!this.heartbeat) return;
      if (!isHeld) return this.lose();
      this.holdFrom(asked);
    } catch (error) {
      this.logger.failure('the lease of a task could not be prolonged', error, { task: this.claim.name });
    }
    if (this.heartbeat) this.beatLater();
  }
}
