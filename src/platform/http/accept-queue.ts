import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { HttpConfig } from '../../config/index.js';
import { Load } from '../load/load.js';
import { Refusals } from '../load/refusals.js';
import { Metrics } from '../observability/metrics.js';
import { DRAINED_BYTES } from './body-reading.js';
import { newRequestId } from './identifiers.js';
import { routedPath } from './routed-path.js';
import { Surfaces } from './surfaces.js';

/** A request that came while the main thread had no time for it. */
interface Waiting {
  /** Time of `performance.now()` when it came. */
  readonly since: number;
  /** Path of its route. */
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** For so long queued routes may hold the main thread before it looks at everything else, such as health checks. */
const TURN_MS = 50;

/**
 * The queue of the main thread. Requests of its routes are handled for one turn of the event loop, at most TURN_MS;
 * those that come after that wait, and are handled one a turn: tenants take turns, and each has its requests handled in
 * the order in which they came. One that has waited for longer than
 * MODELPLANE_MAX_DELAY_MS is refused by 503 on the bare response, before Fastify sees it: what a refusal costs is taken
 * from those that are answered, and most of it would be ids, headers, hooks and a line of log.
 */
@Injectable()
export class AcceptQueue implements BeforeApplicationShutdown {
  /** Method and path, such as `POST /api/v1/predictions`. */
  private readonly routes = new Set<string>();
  /** By tenant, those whose turn is next first. Callers who are not known share one place among them. */
  private readonly waiting = new Map<string | undefined, Waiting[]>();
  private length = 0;
  /** When the turn that is under way ends, as `performance.now()` counts; undefined between turns. */
  private turnEnds?: number;
  /** Requests that were let through in this turn. */
  private inTurn = 0;
  private handle!: (request: IncomingMessage, response: ServerResponse) => void;

  constructor(
    private readonly config: HttpConfig,
    private readonly load: Load,
    private readonly refusals: Refusals,
    private readonly metrics: Metrics,
    private readonly surfaces: Surfaces,
  ) {}

  /** Makes the requests of a route wait their turn, however their URLs are written. */
  add(method: string, path: string): void {
    this.routes.add(`${method} ${path}`);
  }

  /**
   * Takes the place of the server's listeners for requests, and hands them on.
   * @param tenantOf knows the tenant of a request, by its path, without asking anybody; undefined where it does not
   */
  standBefore(
    server: Server,
    tenantOf: (request: IncomingMessage, path: string) => string | undefined,
  ): void {
    const listeners = server.listeners('request');
    this.handle = (request, response) => {
      for (const listener of listeners) listener.call(server, request, response);
    };
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const path = routedPath(request.url!);
      if (!this.routes.has(`${request.method} ${path}`) || this.enterTurn()) {
        this.handle(request, response);
      } else {
        const tenant = tenantOf(request, path);
        const ofTenant = this.waiting.get(tenant) ?? [];
        ofTenant.push({ since: performance.now(), path, request, response });
        this.waiting.set(tenant, ofTenant);
        this.length++;
        this.tellLoad();
      }
    });
  }

  /** Lets all through that waits: Fastify answers what came before it began to close, and refuses what comes after. */
  beforeApplicationShutdown(): void {
    const all = [...this.waiting.values()].flat();
    this.waiting.clear();
    this.length = 0;
    for (const { request, response } of all) this.handle(request, response);
  }

  /** Whether a request that has come just now is let through. */
  private enterTurn(): boolean {
    if (this.length > 0) return false;
    const now = performance.now();
    if (this.turnEnds === undefined) {
      this.turnEnds = now + TURN_MS;
      setImmediate(() => this.endTurn());
    }
    if (now >= this.turnEnds) return false;
    this.inTurn++;
    this.tellLoad();
    return true;
  }

  private endTurn(): void {
    this.turnEnds = undefined;
    this.inTurn = 0;
    const next = this.takeNext(performance.now());
    this.tellLoad();
    // The next turn begins after this one's request has been read and answered.
    if (this.length > 0) setImmediate(() => this.endTurn());
    if (next) this.handle(next.request, next.response);
  }

  /** The next that has not waited for too long. Those before it are refused, unless their callers have gone. */
  private takeNext(now: number): Waiting | undefined {
    for (const [tenant, ofTenant] of this.waiting) {
      const next = ofTenant.shift()!;
      this.length--;
      // The tenant's next turn comes after those of all others, of which this loop comes to the next.
      this.waiting.delete(tenant);
      if (ofTenant.length > 0) this.waiting.set(tenant, ofTenant);
      if (next.response.destroyed) continue;
      const waitedMs = now - next.since;
      if (waitedMs <= this.config.maxDelayMs) return next;
      this.refuse(next, waitedMs);
    }
    return undefined;
  }

  private tellLoad(): void {
    this.load.waiting = Math.max(0, this.inTurn - 1) + this.length;
  }

  private refuse({ path, request, response }: Waiting, waitedMs: number): void {
    const why = 'The service has more requests than it can answer';
    const problem = this.refusals.overloaded('event_loop', waitedMs, why);
    // A large body that has not arrived yet is not read; the connection that would bring it is closed.
    const isLarge = !(Number(request.headers['content-length']) <= DRAINED_BYTES);
    const id = newRequestId();
    const { status = problem.status, contentType, body } = this.surfaces.at(path).errors(problem, id);
    const json = JSON.stringify(body);
    this.metrics.request(request.method!, path, status, 0);
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
}
