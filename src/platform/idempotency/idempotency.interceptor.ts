import { createHash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { Database, type TenantScope } from '../database/database.js';
import { Problem } from '../errors/problem.js';
import { IdempotencyRepository } from './idempotency.repository.js';

/** Printable ASCII, as draft-ietf-httpapi-idempotency-key-header-07 has it, with or without its quotes. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * Runs a route whose request has an Idempotency-Key in one transaction with the row that keeps its answer: either
 * both are there or neither is. A request that fails keeps nothing, so that it can be repeated.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly database: Database,
    private readonly answers: IdempotencyRepository,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    if (key === undefined) return next.handle();
    if (typeof key !== 'string' || !KEY.test(key)) {
      throw new Problem(
        'INVALID_REQUEST',
        'Idempotency-Key: must be 1 to 255 printable ASCII characters without spaces',
        { errors: [{ pointer: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }] },
      );
    }
    const tenant = request.identity?.tenant;
    if (!tenant) throw new Error('a public route cannot be idempotent by key');
    const reply = http.getResponse<FastifyReply>();
    return from(
      this.database.inOneTransaction(tenant, (scope) => this.once(scope, key, request, reply, next)),
    );
  }

  private async once(
    scope: TenantScope,
    key: string,
    request: FastifyRequest,
    reply: FastifyReply,
    next: CallHandler,
  ): Promise<unknown> {
    if (!(await this.answers.tryLock(scope, key))) {
      throw new Problem('IDEMPOTENCY_IN_FLIGHT', 'A request with this Idempotency-Key is being answered.', {
        headers: { 'Retry-After': '1' },
      });
    }
    const fingerprint = fingerprintOf(request);
    const kept = await this.answers.find(scope, key);
    if (kept) {
      if (kept.fingerprint !== fingerprint) {
        throw new Problem(
          'IDEMPOTENCY_MISMATCH',
          'This Idempotency-Key was used for a request with another path or body.',
        );
      }
      reply.status(kept.status).header('Idempotency-Replayed', 'true');
      return kept.body;
    }
    const body: unknown = await lastValueFrom(next.handle(), { defaultValue: null });
    await this.answers.insert(scope, { key, fingerprint, status: reply.statusCode, body: body as object });
    return body;
  }
}

function fingerprintOf({ method, url, body }: FastifyRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([method, url, body]))
    .digest('hex');
}
