import { Injectable } from '@nestjs/common';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { HttpConfig } from '../../config/index.js';
import { Problem, problemBody } from '../errors/problem.js';
import { Metrics } from '../observability/metrics.js';
import { DRAINED_BYTES } from './body-admission.js';
import { newRequestId } from './identifiers.js';

/** What was full: the main thread, the queue of one model, those of all models together, or that of explanations. */
type Place = 'event_loop' | 'model' | 'rows' | 'explanations';

/** Refuses what would wait for too long, and counts it. */
@Injectable()
export class Overload {
  /** When this turn of the event loop took its first request from the sockets. */
  private turnBegan?: number;
  /** Whether the turn before was too long as well: one alone is a pause of the machine, which no refusal makes up for. */
  private wasLate = false;
  private readonly refused;

  constructor(
    private readonly config: HttpConfig,
    private readonly metrics: Metrics,
  ) {
    this.refused = metrics.counter(
      'modelplane_overloaded_total',
      'Predictions answered with 503 OVERLOADED, by what was full.',
      ['where'],
    );
  }

  /**
   * Refuses requests of a route that have waited for too long in their sockets, whose queue nobody else bounds. Done
   * before anything else sees them: what a refusal costs is taken from those that are answered, and most of it would be
   * ids, headers, hooks and a line of log.
   */
  shed(server: Server, method: string, path: string): void {
    const listeners = server.listeners('request');
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const waitedMs = request.url === path && request.method === method ? this.lateMs() : undefined;
      if (waitedMs !== undefined) return this.answer(request, response, waitedMs);
      for (const listener of listeners) listener.call(server, request, response);
    });
  }

  private answer(request: IncomingMessage, response: ServerResponse, waitedMs: number): void {
    const problem = this.refuse('event_loop', waitedMs, 'The service has more requests than it can answer');
    this.metrics.request('POST', request.url, problem.status, 0);
    // A body that is not here yet is not waited for.
    const isLarge = !(Number(request.headers['content-length']) <= DRAINED_BYTES);
    const id = newRequestId();
    const body = JSON.stringify(problemBody(problem, id));
    response
      .writeHead(problem.status, {
        'content-type': 'application/problem+json; charset=utf-8',
        'content-length': Buffer.byteLength(body),
        'request-id': id,
        ...problem.extra.headers,
        ...(isLarge && { connection: 'close' }),
      })
      .end(body);
  }

  /**
   * For how long a request has waited, where that is too long. All requests of a turn of the event loop lay in their
   * sockets when it began, so that each has waited at least since then.
   */
  private lateMs(): number | undefined {
    const now = performance.now();
    if (this.turnBegan === undefined) {
      this.turnBegan = now;
      setImmediate(() => this.endTurn());
    }
    const waitedMs = now - this.turnBegan;
    return this.wasLate && waitedMs > this.config.maxDelayMs ? waitedMs : undefined;
  }

  private endTurn(): void {
    this.wasLate = performance.now() - this.turnBegan! > this.config.maxDelayMs;
    this.turnBegan = undefined;
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
