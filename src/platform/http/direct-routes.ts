import { Injectable, type OnApplicationBootstrap, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Access, type NeededRole, OBJECT_READER } from '../auth/access.decorator.js';
import { AccessGuard } from '../auth/access.guard.js';
import type { Identity } from '../auth/identity.js';
import { ProblemFilter } from '../errors/problem.filter.js';
import { Cost, RateLimitGuard } from '../rate-limit/rate-limit.guard.js';
import { AcceptQueue } from './accept-queue.js';
import { Surfaces } from './surfaces.js';
import { encodeInTurns, isLong } from './json-in-turns.js';

/** A controller's method that takes the caller, the request and its parsed body; it answers 200 with what it returns. */
type DirectMethod = (caller: Identity, request: FastifyRequest, body: object) => object | Promise<object>;

interface DirectRoute {
  readonly role: NeededRole;
  /** Tokens of the rate limit that a body costs; 1 where nothing else is said. */
  readonly cost: ((body: unknown) => number) | undefined;
  readonly method: DirectMethod;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Routes that Fastify answers itself. Nest's pipeline costs more than a prediction from memory; its guards and its
 * filter are here the same code, called one after the other, without a promise where nothing has to be waited for.
 * Their requests wait in the accept queue while the main thread is busy.
 */
@Injectable()
export class DirectRoutes implements OnApplicationBootstrap {
  /** By HTTP method and path, such as `POST /api/v1/predictions`. */
  private readonly routes = new Map<string, DirectRoute>();
  private readonly registered = new Set<string>();

  constructor(
    private readonly access: AccessGuard,
    private readonly limit: RateLimitGuard,
    private readonly reflector: Reflector,
    private readonly queue: AcceptQueue,
    private readonly host: HttpAdapterHost<FastifyAdapter>,
    private readonly filter: ProblemFilter,
    private readonly surfaces: Surfaces,
  ) {
    host.httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', (options) => {
      const name = `${String(options.method)} ${options.url}`;
      const route = this.routes.get(name);
      if (!route) return;
      // Fastify gets this handler instead of the one that Nest has made.
      options.handler = (request, reply) => this.handle(route, request, reply);
      this.registered.add(name);
    });
  }

  /**
   * Answers a route of a controller directly. The decorators of its method hold: they say the path, who may call and at
   * what cost, and document it; pipes, interceptors and the decorators of parameters do nothing. To be called by the
   * controller's constructor, before Nest registers the route.
   */
  add<M extends string>(controller: Record<M, DirectMethod>, name: M): void {
    const handler = controller[name];
    const targets = [handler, controller.constructor];
    const [below = '', prefix = ''] = targets.map(
      (target) => Reflect.getMetadata(PATH_METADATA, target) as string,
    );
    const path = ['', ...`${prefix}/${below}`.split('/').filter(Boolean)].join('/');
    const httpMethod = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod]!;
    const role = this.reflector.getAllAndOverride(Access, targets);
    if (!role || role === 'public' || role === OBJECT_READER)
      throw new Error(`${path} must say which role may call it`);
    const cost = this.reflector.get(Cost, handler);
    this.routes.set(`${httpMethod} ${path}`, { role, cost, method: handler.bind(controller) });
    this.queue.add(httpMethod, path);
  }

  onApplicationBootstrap(): void {
    for (const name of this.routes.keys())
      if (!this.registered.has(name))
        throw new Error(`${name} was added after Nest had registered its route`);
    if (this.routes.size === 0) return;
    this.queue.standBefore(this.host.httpAdapter.getHttpServer(), (request, path) =>
      this.access.knownTenant(request, this.surfaces.at(path).signIn),
    );
  }

  private handle(route: DirectRoute, request: FastifyRequest, reply: FastifyReply): void {
    const fail = (error: unknown) => this.filter.send(error, request, reply);
    try {
      const answer = this.answer(route, request, reply);
      if (answer instanceof Promise) answer.then((body) => send(reply, body)).catch(fail);
      else send(reply, answer);
    } catch (error) {
      fail(error);
    }
  }

  /** Asks who calls, whether the role is enough and whether the rate limit has room, and then the controller. */
  private answer(route: DirectRoute, request: FastifyRequest, reply: FastifyReply): object | Promise<object> {
    const { identity } = request;
    // The caller of a request with a body is known already: it was asked for a token before the body was read.
    if (!identity) {
      return Promise.resolve(this.access.authenticate(request, reply)).then(() =>
        this.answer(route, request, reply),
      );
    }
    this.access.requireRole(identity, route.role);
    const spent = this.limit.spend(identity, route.cost?.(request.body) ?? 1, reply);
    const ask = () => route.method(identity, request, request.body as object);
    return spent instanceof Promise ? spent.then(ask) : ask();
  }
}

function send(reply: FastifyReply, body: object): void {
  reply.header('content-type', JSON_TYPE);
  if (!isLong(body)) return void reply.send(JSON.stringify(body));
  void encodeInTurns(body).then((bytes) => reply.send(bytes));
}
