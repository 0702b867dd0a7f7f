import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RateLimitConfig } from '../../config/index.js';
import type { Identity } from '../auth/identity.js';
import { Problem } from '../errors/problem.js';
import { RateLimiter, type Verdict } from './rate-limiter.js';

/** What a request of the route costs, in tokens, judged by its unchecked body; 1 without. */
export const Cost = Reflector.createDecorator<(body: unknown) => number>();

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
    config: RateLimitConfig,
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
    const verdict = this.limiter.take(tenant, cost);
    if (!(verdict instanceof Promise)) return this.answer(verdict, reply);
    return verdict.then((later) => this.answer(later, reply));
  }

  private answer({ allowed, remaining, seconds }: Verdict, reply: FastifyReply): boolean {
    reply.header('RateLimit-Policy', this.policy);
    reply.header('RateLimit', `"tenant";r=${Math.max(0, remaining)};t=${seconds}`);
    if (allowed) return true;
    throw new Problem('RATE_LIMITED', `The tenant is past its rate limit; it can go on in ${seconds} s.`, {
      headers: { 'Retry-After': String(seconds) },
    });
  }
}
