import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RateLimitConfig } from '../../config/index.js';
import type { Identity } from '../auth/identity.js';
import { Problem } from '../errors/problem.js';
import { RateLimiter, type Verdict } from './rate-limiter.js';

/** What a request of the route costs, in tokens, judged by its unchecked body; 1 without. */
export const Cost = Reflector.createDecorator<(body: unknown) => number>();

declare module 'fastify' {
  interface FastifyRequest {
    /** Tokens that its body has cost; undefined where it has cost none. */
    bodyTokens?: number;
  }
}

/**
 * Refuses a tenant's request past its limit. The headers are those of draft-ietf-httpapi-ratelimit-headers-10: the
 * policy's quota is what the bucket holds and its window what filling it takes.
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  private readonly policy: string;

  constructor(
    private readonly limiter: RateLimiter,
    private readonly reflector: Reflector,
    private readonly config: RateLimitConfig,
  ) {
    this.policy = `"tenant";q=${config.burst};w=${Math.ceil((config.burst * 60) / (config.perMinute || 1))}`;
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const http = context.switchToHttp();
    const { identity, body } = http.getRequest<FastifyRequest>();
    // Public routes have no tenant.
    if (!identity) return true;
    const cost = this.reflector.get(Cost, context.getHandler())?.(body) ?? 1;
    return this.spend(identity, cost, http.getResponse<FastifyReply>());
  }

  /** Takes what a request costs, at once wherever the lease has it. @throws Problem 429 */
  spend({ tenant }: Identity, cost: number, reply: FastifyReply): boolean | Promise<boolean> {
    if (this.limiter.isOff) return true;
    // What it costs in all may be more than the whole bucket, which it then costs.
    const rest = this.config.burst - (reply.request.bodyTokens ?? 0);
    const verdict = this.limiter.take(tenant, Math.min(cost, rest));
    if (!(verdict instanceof Promise)) return this.answer(verdict, reply);
    return verdict.then((later) => this.answer(later, reply));
  }

  /**
   * Takes what a body costs beside its request, before it is parsed: a token for each whole MODELPLANE_RATE_LIMIT_BODY_BYTES.
   * @throws Problem 429
   */
  charge(request: FastifyRequest, bytes: number): void | Promise<void> {
    const { identity } = request;
    const { bodyBytes, burst } = this.config;
    if (!identity || bytes < bodyBytes || this.limiter.isOff) return;
    // A token is left for the request itself, without which it would be refused for ever.
    request.bodyTokens = Math.min(Math.floor(bytes / bodyBytes), burst - 1);
    const verdict = this.limiter.take(identity.tenant, request.bodyTokens);
    if (verdict instanceof Promise) return verdict.then((later) => this.refusePast(later));
    this.refusePast(verdict);
  }

  private answer(verdict: Verdict, reply: FastifyReply): boolean {
    this.refusePast(verdict);
    reply.headers(this.headersOf(verdict));
    return true;
  }

  private refusePast(verdict: Verdict): void {
    if (verdict.allowed) return;
    const { seconds } = verdict;
    throw new Problem('RATE_LIMITED', `The tenant is past its rate limit; it can go on in ${seconds} s.`, {
      headers: { ...this.headersOf(verdict), 'Retry-After': String(seconds) },
    });
  }

  private headersOf({ remaining, seconds }: Verdict): Record<string, string> {
    return {
      'RateLimit-Policy': this.policy,
      RateLimit: `"tenant";r=${Math.max(0, remaining)};t=${seconds}`,
    };
  }
}
