import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import { ApiHeader, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { HttpConfig } from '../../config/index.js';
import { Problem } from '../errors/problem.js';
import { etagOf, hasTag } from './etag.js';

const READS = ['GET', 'HEAD'];

/** Gives the answer its ETag; 304 for a read of what the caller has, 428 for a change without If-Match if so configured. */
@Injectable()
export class EtagInterceptor implements NestInterceptor {
  constructor(private readonly config: HttpConfig) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const { method, headers } = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const isRead = READS.includes(method);
    if (!isRead && method !== 'POST' && this.config.requireIfMatch && headers['if-match'] === undefined) {
      throw new Problem(
        'PRECONDITION_REQUIRED',
        'This service takes changes only with If-Match: the ETag of what is to be changed.',
      );
    }
    return next.handle().pipe(
      map((body: object | string | undefined) => {
        if (!body) return body;
        const etag = etagOf(body);
        reply.header('ETag', etag);
        const known = headers['if-none-match'];
        if (!isRead || known === undefined || !hasTag(known, etag, true)) return body;
        reply.status(304);
        return undefined;
      }),
    );
  }
}

/** A route whose answer has an ETag. */
export const Tagged = (): MethodDecorator => UseInterceptors(EtagInterceptor);

/** A route that answers 304 to a caller that has the same body already. */
export const TaggedRead = (): MethodDecorator =>
  applyDecorators(
    Tagged(),
    ApiHeader({
      name: 'If-None-Match',
      required: false,
      description: 'ETag of what the caller has: 304 without a body where it is still so.',
      schema: { type: 'string', example: '"i0V8rN2kq3m9b6y1s4d7hA"' },
    }),
    ApiResponse({ status: 304, description: 'It is as the caller has it.' }),
  );

/** A route that changes only what is in the state that If-Match names; its service calls `refuseChanged`. */
export const TaggedChange = (): MethodDecorator =>
  applyDecorators(
    Tagged(),
    ApiHeader({
      name: 'If-Match',
      required: false,
      description: 'ETag of the state to change: 412 where it is in another by now.',
      schema: { type: 'string', example: '"i0V8rN2kq3m9b6y1s4d7hA"' },
    }),
  );
