import { Injectable } from '@nestjs/common';
import { Problem } from '../errors/problem.js';
import { type FairQueue, QueueFull } from '../fair-share/fair-queue.js';
import { Metrics } from '../observability/metrics.js';

/**
 * What is full: the main thread, the queue of one model, those of all models together, that of explanations, of looks at
 * training data, of trials of uploads, of large bodies, of listings of objects, of exports of ensembles, or of calls
 * that requests about webhooks wait for.
 */
const FULL_PLACES = [
  'event_loop',
  'model',
  'rows',
  'explanations',
  'validations',
  'trials',
  'bodies',
  'listings',
  'exports',
  'webhooks',
] as const;
export type FullPlace = (typeof FULL_PLACES)[number];

/** Makes the answers to those who would wait for too long, 503 OVERLOADED, and counts them. */
@Injectable()
export class Refusals {
  /** The last answer, which is made once for all who get it: the stack of a new error takes longer than the rest. */
  private last?: Problem;
  private readonly count;

  constructor(metrics: Metrics) {
    this.count = metrics.counter(
      'modelplane_overloaded_total',
      'Requests answered with 503 OVERLOADED, by what was full.',
      { name: 'where', values: FULL_PLACES },
    );
  }

  /**
   * Does `work` when it is the tenant's turn in a queue.
   * @param full is asked where too many wait already: what they are, and in how many milliseconds they are fewer
   * @throws Problem 503 OVERLOADED, and what `work` throws
   */
  async inTurn<T>(
    where: FullPlace,
    queue: FairQueue,
    tenant: string,
    work: () => Promise<T>,
    full: (waiting: number) => { what: string; waitMs: number },
  ): Promise<T> {
    try {
      return await queue.run(tenant, work);
    } catch (error) {
      if (!(error instanceof QueueFull)) throw error;
      const { what, waitMs } = full(error.waiting);
      throw this.overloaded(where, waitMs, `${error.waiting} ${what} already`);
    }
  }

  /** @param waitMs milliseconds until what waits already is answered; told as `Retry-After`, at least a second */
  overloaded(where: FullPlace, waitMs: number, why: string): Problem {
    this.count.inc({ where });
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    const detail = `${why}; try again in ${seconds} s.`;
    if (this.last?.detail !== detail)
      this.last = new Problem('OVERLOADED', detail, { headers: { 'Retry-After': String(seconds) } });
    return this.last;
  }
}
