import { hostname } from 'node:os';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { RuntimeConfig, TasksConfig } from '../../config/index.js';
import { AppLogger } from '../observability/logger.js';
import { Timers } from '../timers/timers.js';
import { TaskInterrupted, TaskLease, TaskLost } from './task-lease.js';
import { type TaskClaim, TasksRepository } from './tasks.repository.js';

const POLL_MS = 1000;
const LONGEST_RUN_SECONDS = 3600;

export interface TaskTimes {
  /** From the end of one turn to the start of the next. */
  readonly seconds: number;
  /** After so long a turn loses its lease, for it may hang; an hour unless said otherwise. */
  readonly maxRunSeconds?: number;
}

type Work = (lease: TaskLease) => Promise<unknown>;

interface Task extends TaskTimes {
  readonly work: Work;
}

/**
 * Work that one process does for all: whichever worker claims a task that is due holds it by a lease and does it, and
 * no other does. A turn that fails is logged and comes again in its time; that of a process that dies or hangs goes to
 * another once its lease has run out. What every process does for itself belongs to Timers.
 */
@Injectable()
export class Tasks implements OnModuleDestroy {
  private readonly holder = `${hostname()}:${process.pid}`;
  private readonly works = new Map<string, Task>();
  private readonly leases = new Map<string, TaskLease>();
  private readonly running = new Set<Promise<void>>();
  private closed = false;

  constructor(
    private readonly config: TasksConfig,
    private readonly runtime: RuntimeConfig,
    private readonly tasks: TasksRepository,
    private readonly timers: Timers,
    private readonly logger: AppLogger,
  ) {}

  /**
   * Makes this process one of those that do the task, if it is a worker. For the first time the task is due at once.
   * @param name the same in every process, and in metrics
   * @param work stops when its lease says so; it may run again from the start
   */
  every(name: string, times: TaskTimes, work: Work): void {
    if (!this.runtime.runsWorker) return;
    if (this.works.has(name)) throw new Error(`two tasks have the name ${name}`);
    if (this.works.size === 0)
      this.timers.every(POLL_MS, 'tasks could not be claimed', () => this.claim(), 0);
    this.works.set(name, { ...times, work });
  }

  /** Has a task done as soon as a worker is free to; any process may ask. */
  hurry(name: string): Promise<void> {
    return this.tasks.hurry(name);
  }

  /** Stops what this process does and gives it back, so that another one can start at once. */
  async onModuleDestroy(): Promise<void> {
    this.closed = true;
    for (const lease of this.leases.values()) lease.interrupt();
    await Promise.all(this.running);
  }

  private async claim(): Promise<void> {
    if (this.closed) return;
    const idle = [...this.works.keys()].filter((name) => !this.leases.has(name));
    const asked = performance.now();
    for (const claim of await this.tasks.claim(idle, this.holder, this.config.leaseSeconds)) {
      const done = this.run(claim, asked).finally(() => this.running.delete(done));
      this.running.add(done);
    }
  }

  private async run(claim: TaskClaim, claimedAt: number): Promise<void> {
    const { name } = claim;
    const { work, seconds, maxRunSeconds = LONGEST_RUN_SECONDS } = this.works.get(name) as Task;
    const { leaseSeconds } = this.config;
    const lease = new TaskLease(claim, leaseSeconds, maxRunSeconds, claimedAt, this.tasks, this.logger);
    this.leases.set(name, lease);
    if (this.closed) lease.interrupt();
    try {
      const error = await work(lease).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error instanceof TaskInterrupted) return await this.tasks.release(claim);
      if (error instanceof TaskLost)
        return this.logger.warn('task lost', { task: name, reason: error.message });
      if (error !== undefined) this.logger.failure('task failed', error, { task: name });
      await this.tasks.end(claim, seconds, error === undefined ? null : messageOf(error));
    } catch (error) {
      this.logger.failure('task could not be ended', error, { task: name });
    } finally {
      lease.close();
      this.leases.delete(name);
    }
  }
}

/** PostgreSQL keeps no NUL. */
function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\0', '\ufffd');
}
