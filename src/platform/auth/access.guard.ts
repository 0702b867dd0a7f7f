import { type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { Problem } from '../errors/problem.js';
import { currentContext } from '../observability/request-context.js';
import { Access } from './access.decorator.js';
import { allows, type Identity, type Role } from './identity.js';
import type { VerifiedIdentity } from './jwt.strategy.js';

const CACHE_MS = 60_000;
/** A longer header is verified each time rather than kept. */
const MAX_KEPT_LENGTH = 4096;

interface Verified {
  readonly identity: VerifiedIdentity;
  readonly untilMs: number;
}

/** Lets a caller through whose token is valid and whose role is enough for the route. */
@Injectable()
export class AccessGuard extends AuthGuard('jwt') {
  /** Verified tokens by their header: 20 us less a request; never past the token's own end. */
  private readonly verified = new LRUCache<string, Verified>({ max: 10_000 });

  constructor(private readonly reflector: Reflector) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const needed = this.reflector.getAllAndOverride(Access, [context.getHandler(), context.getClass()]);
    if (needed === 'public') return true;

    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const identity = request.identity ?? (await this.authenticate(request, http.getResponse<FastifyReply>()));
    this.requireRole(identity, needed);
    return true;
  }

  /** Lets a caller whose role is enough go on, and names its tenant in the log. @throws Problem 403 */
  requireRole(identity: Identity, needed: Role): void {
    const log = currentContext();
    if (log) log.tenant = identity.tenant;
    if (!allows(identity, needed)) {
      throw new Problem(
        'FORBIDDEN',
        `this needs the role ${needed}; the token has ${identity.roles.join(', ') || 'none'}`,
      );
    }
  }

  /** Who calls, once a request: before its body is read, or when the guard's turn has come. */
  authenticate(request: FastifyRequest, reply: FastifyReply): Identity | Promise<Identity> {
    const header = request.headers.authorization;
    const known = header === undefined ? undefined : this.verified.get(header);
    if (known && known.untilMs > Date.now()) return (request.identity = known.identity);
    return this.verify(header, request, reply);
  }

  private async verify(
    header: string | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Identity> {
    await super.canActivate(new ExecutionContextHost([request, reply]));
    const identity = (request as unknown as { user: VerifiedIdentity }).user;
    if (header !== undefined && header.length <= MAX_KEPT_LENGTH) {
      const untilMs = Math.min(Date.now() + CACHE_MS, identity.expiresAt * 1000);
      this.verified.set(header, { identity, untilMs });
    }
    return (request.identity = identity);
  }

  /** passport's verdict: an error is a token that names no tenant, `info` says what else is wrong with it. */
  override handleRequest<T>(error: Error | null, identity: T | false, info?: Error): T {
    if (identity && !error) return identity;
    if (info instanceof Problem) throw info;
    const reason = error?.message ?? info?.message ?? 'no bearer token';
    const detail =
      reason === 'No auth token' ? 'an Authorization header with a bearer token is required' : reason;
    throw new Problem('UNAUTHORIZED', `The token was refused: ${detail}.`, {
      headers: { 'WWW-Authenticate': 'Bearer realm="modelplane", error="invalid_token"' },
    });
  }
}
