import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { Database } from '../database/database.js';
import { IdempotentAnswers, keyedRequest, type KeyedRequest } from './idempotent-answers.js';

/** Metadata of a route: the field of its answer that is not kept. */
export const WITHHELD = Symbol('withheld field');

/**
 * Runs a route whose request has an Idempotency-Key in one transaction with the row that keeps its answer: either
 * both are there or neither is.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly database: Database,
    private readonly answers: IdempotentAnswers,
    private readonly reflector: Reflector,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const keyed = keyedRequest(request, request.bodyDigest ?? null);
    if (!keyed) return next.handle();
    const tenant = request.identity?.tenant;
    if (!tenant) throw new Error('a public route cannot be idempotent by key');
    const withheld = this.reflector.get<string | undefined>(WITHHELD, context.getHandler());
    return from(this.once(tenant, keyed, http.getResponse<FastifyReply>(), next, withheld));
  }

  private async once(
    tenant: string,
    keyed: KeyedRequest,
    reply: FastifyReply,
    next: CallHandler,
    withheld: string | undefined,
  ): Promise<unknown> {
    const { status, body, isReplayed } = await this.database.inOneTransaction(tenant, (scope) =>
      this.answers.once(scope, keyed, async () => {
        const made: unknown = await lastValueFrom(next.handle(), { defaultValue: null });
        const lasting = withheld === undefined ? undefined : { ...(made as object), [withheld]: null };
        return { status: reply.statusCode, body: made, lasting };
      }),
    );
    if (isReplayed) reply.status(status).header('Idempotency-Replayed', 'true');
    return body;
  }
}
