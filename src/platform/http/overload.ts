import { Injectable } from '@nestjs/common';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { HttpConfig } from '../../config/index.js';
import { Problem } from '../errors/problem.js';
import { Metrics } from '../observability/metrics.js';
import { DRAINED_BYTES } from './body-admission.js';
import { newRequestId } from './identifiers.js';
import { Surfaces } from './surfaces.js';

/** What was full: the main thread, the queue of one model, those of all models together, or that of explanations. */
type Place = 'event_loop' | 'model' | 'rows' | 'explanations';

interface Waiting {
  readonly since: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  handle(request: IncomingMessage, response: ServerResponse): void;
}

/** For so long predictions hold the main thread before it looks at what else there is, health checks among it. */
const TURN_MS = 50;

/** Refuses what would wait for too long, and counts it. */
@Injectable()
export class Overload {
  /** What the turns so far had no time for, first in, first out. */
  private readonly waiting: Waiting[] = [];
  private turnEnds?: number;
  /** How many were read in this turn. */
  private inTurn = 0;
  /** What is said again and again: the stack of a new error would take as long as the rest of it. */
  private said?: Problem;
  private readonly refused;

  constructor(
    private readonly config: HttpConfig,
    private readonly metrics: Metrics,
    private readonly surfaces: Surfaces,
  ) {
    this.refused = metrics.counter(
      'modelplane_overloaded_total',
      'Predictions answered with 503 OVERLOADED, by what was full.',
      ['where'],
    );
  }

  /**
   * Takes the requests of a route, whose queue nobody else bounds, in turns of the event loop, and refuses those that
   * wait for too long. Done before anything else sees them: what a refusal costs is taken from those that are answered,
   * and most of it would be ids, headers, hooks and a line of log.
   */
  shed(server: Server, method: string, path: string): void {
    const listeners = server.listeners('request');
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      for (const listener of listeners) listener.call(server, request, response);
    };
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url !== path || request.method !== method || this.isInTurn()) handle(request, response);
      else this.waiting.push({ since: performance.now(), request, response, handle });
    });
  }

  /** Whether the main thread has nothing to do, as far as it knows, but the prediction that it has at hand. */
  isAlone(): boolean {
    return this.inTurn <= 1 && this.waiting.length === 0;
  }

  private isInTurn(): boolean {
    this.inTurn++;
    if (this.waiting.length > 0) return false;
    const now = performance.now();
    if (this.turnEnds === undefined) {
      this.turnEnds = now + TURN_MS;
      setImmediate(() => this.endTurn());
    }
    return now < this.turnEnds;
  }

  private endTurn(): void {
    this.turnEnds = undefined;
    this.inTurn = 0;
    const next = this.firstInTime(performance.now());
    // One a turn: its body is read, and it is answered, once this has returned.
    if (this.waiting.length > 0) setImmediate(() => this.endTurn());
    next?.handle(next.request, next.response);
  }

  /** The first that has not waited for too long; those before it are refused, but for those who have gone meanwhile. */
  private firstInTime(now: number): Waiting | undefined {
    for (let next = this.waiting.shift(); next; next = this.waiting.shift()) {
      const { since, request, response } = next;
      const waitedMs = now - since;
      if (response.destroyed) continue;
      if (waitedMs <= this.config.maxDelayMs) return next;
      this.answer(request, response, waitedMs);
    }
    return undefined;
  }

  private answer(request: IncomingMessage, response: ServerResponse, waitedMs: number): void {
    const problem = this.refuse('event_loop', waitedMs, 'The service has more requests than it can answer');
    // A body that is not here yet is not waited for.
    const isLarge = !(Number(request.headers['content-length']) <= DRAINED_BYTES);
    const id = newRequestId();
    const { status = problem.status, contentType, body } = this.surfaces.at(request.url!).errors(problem, id);
    const json = JSON.stringify(body);
    this.metrics.request('POST', request.url, status, 0);
    response
      .writeHead(status, {
        'content-type': `${contentType}; charset=utf-8`,
        'content-length': Buffer.byteLength(json),
        'request-id': id,
        ...problem.extra.headers,
        ...(isLarge && { connection: 'close' }),
      })
      .end(json);
  }

  /** @param waitMs what it takes until what waits already is answered */
  refuse(where: Place, waitMs: number, why: string): Problem {
    this.refused.inc({ where });
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    const detail = `${why}; try again in ${seconds} s.`;
    if (this.said?.detail !== detail)
      this.said = new Problem('OVERLOADED', detail, { headers: { 'Retry-After': String(seconds) } });
    return this.said;
  }
}
