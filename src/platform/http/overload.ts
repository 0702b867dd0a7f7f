import { Injectable } from '@nestjs/common';
import { HttpConfig } from '../../config/index.js';
import { Problem } from '../errors/problem.js';
import { Metrics } from '../observability/metrics.js';

/** What was full: the main thread, the queue of one model, those of all models together, or that of explanations. */
type Place = 'event_loop' | 'model' | 'rows' | 'explanations';

/** Refuses what would wait for too long, and counts it. */
@Injectable()
export class Overload {
  /** When this turn of the event loop took its first request from the sockets. */
  private turnBegan?: number;
  private readonly refused;

  constructor(
    private readonly config: HttpConfig,
    metrics: Metrics,
  ) {
    this.refused = metrics.counter(
      'modelplane_overloaded_total',
      'Predictions answered with 503 OVERLOADED, by what was full.',
      ['where'],
    );
  }

  /**
   * The refusal of a request that has waited for too long in its socket, whose queue nobody else bounds. All requests
   * of a turn lay there when it began, so that each has waited at least since then.
   */
  late(): Problem | undefined {
    const now = performance.now();
    if (this.turnBegan === undefined) {
      this.turnBegan = now;
      setImmediate(() => (this.turnBegan = undefined));
    }
    const waitedMs = now - this.turnBegan;
    if (waitedMs <= this.config.maxDelayMs) return undefined;
    return this.refuse('event_loop', waitedMs, 'The service has more requests than it can answer');
  }

  /** @param waitMs what it takes until what waits already is answered */
  refuse(where: Place, waitMs: number, why: string): Problem {
    this.refused.inc({ where });
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    return new Problem('OVERLOADED', `${why}; try again in ${seconds} s.`, {
      headers: { 'Retry-After': String(seconds) },
    });
  }
}
