import { Injectable } from '@nestjs/common';
import type { Job as Wake, Queue } from 'bull';
import { AppLogger } from '../observability/logger.js';
import type { AttemptRef, JobKind, JobRef } from './job-kind.js';

/** Thrown by a wake-up that found nothing to claim: Bull tries it again later. */
export class NothingToClaim extends Error {}

/** The queues by kind. A Bull job is a wake-up that names a row; losing one costs time, never a job. */
@Injectable()
export class JobQueues {
  private readonly queues = new Map<string, Queue<JobRef>>();

  constructor(private readonly logger: AppLogger) {}

  register(kind: JobKind, queue: Queue<JobRef>): void {
    queue.on('error', (error) =>
      this.logger.warn('queue unreachable', { queue: kind.name, reason: error.message }),
    );
    this.queues.set(kind.name, queue);
  }

  get all(): ReadonlyMap<string, Queue<JobRef>> {
    return this.queues;
  }

  /**
   * Adds a wake-up without waiting for it: while Redis is away a submission still succeeds, and the reconciler wakes a
   * worker later.
   * @param name a wake-up whose name is in the queue already is not added. By default there is one for each attempt:
   *   that of a worker that died is Bull's until it finds out, and must not stand in the way of the next.
   */
  wake(kind: string, { tenant, id, attempt }: AttemptRef, name = `${id}-${attempt}`): void {
    const queue = this.queue(kind);
    // ioredis would keep every wake-up of an outage in memory.
    if (!isReachable(queue)) return this.logger.warn('wake-up left to the reconciler', { queue: kind });
    queue
      .add({ tenant, id }, { jobId: name })
      .catch((error: Error) => this.logger.warn('wake-up lost', { queue: kind, reason: error.message }));
  }

  /** Runs `handle` for each wake-up, `concurrency` at a time in this process. */
  process(kind: string, concurrency: number, handle: (ref: JobRef) => Promise<void>): void {
    const queue = this.queue(kind);
    // The promise settles when the queue is closed.
    queue
      .process(concurrency, (wake: Wake<JobRef>) => handle(wake.data))
      .catch((error: Error) => this.logger.failure('queue stopped', error, { queue: kind }));
  }

  private queue(kind: string): Queue<JobRef> {
    const queue = this.queues.get(kind);
    if (!queue) throw new Error(`no queue for jobs of the kind ${kind}`);
    return queue;
  }
}

/** Whether a command sent now would be answered, not queued. */
export function isReachable(queue: Queue): boolean {
  return queue.client.status === 'ready';
}
