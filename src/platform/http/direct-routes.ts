import { Injectable, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Access } from '../auth/access.decorator.js';
import { AccessGuard } from '../auth/access.guard.js';
import type { Identity, Role } from '../auth/identity.js';
import { ProblemFilter } from '../errors/problem.filter.js';
import { Cost, RateLimitGuard } from '../rate-limit/rate-limit.guard.js';
import { Overload } from './overload.js';

/** What a controller's method answers, without its parameters' decorators. */
type Answer = (caller: Identity, request: FastifyRequest) => object | Promise<object>;

/** Throws where a body would be refused whatever else it says. */
type RefuseUnparsed = (caller: Identity, json: string) => void;

interface DirectRoute {
  readonly role: Role;
  readonly cost: ((body: unknown) => number) | undefined;
  readonly answer: Answer;
  readonly refuseUnparsed: RefuseUnparsed;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Routes that Fastify answers itself. Nest's pipeline costs more than a prediction from memory; its guards, pipes and
 * filter are here the same code, called one after the other, without a promise where nothing has to be waited for.
 */
@Injectable()
export class DirectRoutes implements OnApplicationBootstrap {
  private readonly routes = new Map<string, DirectRoute>();

  constructor(
    private readonly access: AccessGuard,
    private readonly limit: RateLimitGuard,
    private readonly reflector: Reflector,
    private readonly overload: Overload,
    private readonly host: HttpAdapterHost<FastifyAdapter>,
    private readonly filter: ProblemFilter,
  ) {
    host.httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', (options) => {
      const route = options.method === 'POST' ? this.routes.get(options.url) : undefined;
      if (!route) return;
      // In the place of the handler that Nest is about to register.
      options.handler = (request, reply) => this.handle(route, request, reply);
      options.config = {
        ...options.config,
        refuseUnparsed: (caller, json) => this.refuseUnparsed(route, caller, json),
      };
    });
  }

  /**
   * Answers a POST route of a controller directly; its decorators still say who may call, at what cost, and document
   * it. Called by the controller's constructor, before Nest registers the route. Interceptors do not run.
   */
  add<T>(
    controller: Type<T>,
    method: keyof T & string,
    url: string,
    answer: Answer,
    refuseUnparsed: RefuseUnparsed,
  ): void {
    const handler = controller.prototype[method];
    const role = this.reflector.getAllAndOverride(Access, [handler, controller]);
    if (!role || role === 'public') throw new Error(`${url} must say which role may call it`);
    this.routes.set(url, { role, cost: this.reflector.get(Cost, handler), answer, refuseUnparsed });
  }

  onApplicationBootstrap(): void {
    const server = this.host.httpAdapter.getHttpServer();
    for (const url of this.routes.keys()) this.overload.shed(server, 'POST', url);
  }

  private handle(route: DirectRoute, request: FastifyRequest, reply: FastifyReply): void {
    const fail = (error: unknown) => this.filter.send(error, request, reply);
    try {
      const answer = this.run(route, request, reply);
      if (answer instanceof Promise) answer.then((body) => send(reply, body)).catch(fail);
      else send(reply, answer);
    } catch (error) {
      fail(error);
    }
  }

  private refuseUnparsed(route: DirectRoute, caller: Identity, json: string): void {
    this.access.admit(caller, route.role);
    route.refuseUnparsed(caller, json);
  }

  private run(route: DirectRoute, request: FastifyRequest, reply: FastifyReply): object | Promise<object> {
    const { identity } = request;
    // Whoever sends a body was asked for a token before it was read.
    if (!identity) {
      return Promise.resolve(this.access.authenticate(request, reply)).then(() =>
        this.run(route, request, reply),
      );
    }
    this.access.admit(identity, route.role);
    const admitted = this.limit.admit(identity, route.cost?.(request.body) ?? 1, reply);
    if (admitted instanceof Promise) return admitted.then(() => route.answer(identity, request));
    return route.answer(identity, request);
  }
}

function send(reply: FastifyReply, body: object): void {
  void reply.header('content-type', JSON_TYPE).send(JSON.stringify(body));
}
