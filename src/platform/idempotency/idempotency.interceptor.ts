import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { Database } from '../database/database.js';
import { IdempotentAnswers, keyedRequest, type KeyedRequest } from './idempotent-answers.js';

/**
 * Runs a route whose request has an Idempotency-Key in one transaction with the row that keeps its answer: either
 * both are there or neither is.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly database: Database,
    private readonly answers: IdempotentAnswers,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const keyed = keyedRequest(request, request.body);
    if (!keyed) return next.handle();
    const tenant = request.identity?.tenant;
    if (!tenant) throw new Error('a public route cannot be idempotent by key');
    return from(this.once(tenant, keyed, http.getResponse<FastifyReply>(), next));
  }

  private async once(
    tenant: string,
    keyed: KeyedRequest,
    reply: FastifyReply,
    next: CallHandler,
  ): Promise<unknown> {
    const { status, body, isReplayed } = await this.database.inOneTransaction(tenant, (scope) =>
      this.answers.once(scope, keyed, async () => {
        const made: unknown = await lastValueFrom(next.handle(), { defaultValue: null });
        return { status: reply.statusCode, body: made };
      }),
    );
    if (isReplayed) reply.status(status).header('Idempotency-Replayed', 'true');
    return body;
  }
}
