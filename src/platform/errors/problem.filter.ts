import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { QueryFailedError } from 'typeorm';
import { ModelUnavailable } from '#libs/inference';
import {
  InvalidRange,
  ObjectStoreError,
  type ObjectStoreErrorCode,
  ObjectStoreUnavailable,
} from '#libs/object-store';
import { DatabaseUnavailable } from '../database/database-unavailable.js';
import { Surfaces } from '../http/surfaces.js';
import { AppLogger } from '../observability/logger.js';
import { ERROR_STATUS, type ErrorCode } from './error-code.js';
import { Problem } from './problem.js';

/**
 * Turns whatever was thrown into an answer, in the shape of the surface that was called; the log alone learns the stack
 * of what was not expected.
 */
@Injectable()
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: AppLogger,
    private readonly surfaces: Surfaces,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.send(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  send(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const problem = asProblem(error);
    // To refuse has to cost little, and is no failure: the request's own line and a metric tell of it.
    const isFailure = problem.status >= 500 && !isToldByMetric(problem.code);
    if (isFailure) this.logger.failure('request failed', error);
    // A stream that broke after the head was sent can only be cut.
    if (reply.sent || reply.raw.headersSent) return void reply.raw.destroy();
    const {
      status = problem.status,
      contentType,
      body,
    } = this.surfaces.of(request).errors(problem, request.id);
    void reply
      .status(status)
      .headers(problem.extra.headers ?? {})
      .type(contentType)
      .send(body);
  }
}

/** What may be answered thousands of times a second, with nothing in the log that its metric does not tell. */
function isToldByMetric(code: ErrorCode): boolean {
  return code === 'OVERLOADED' || code === 'ENSEMBLE_DEGRADED';
}

const RETRY_AFTER_SECONDS = '5';

const OBJECT_STORE_CODES: Record<ObjectStoreErrorCode, ErrorCode> = {
  INVALID_OBJECT_URI: 'INVALID_REQUEST',
  INVALID_RANGE: 'RANGE_NOT_SATISFIABLE',
  OBJECT_NOT_FOUND: 'NOT_FOUND',
  OBJECT_EXISTS: 'OBJECT_CONFLICT',
  OBJECT_CONFLICT: 'OBJECT_CONFLICT',
  OBJECT_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
  DIGEST_MISMATCH: 'VALIDATION_ERROR',
  TOO_MANY_OBJECTS: 'VALIDATION_ERROR',
  OBJECT_STORE_UNAVAILABLE: 'OBJECT_STORE_UNAVAILABLE',
  STORAGE_FULL: 'STORAGE_FULL',
};

/** SQLSTATE of a server whose disk has no room. */
const DISK_FULL = '53100';

/** SQLSTATEs of text that JSON can carry and PostgreSQL cannot keep: NUL, in text or jsonb, and half a surrogate pair. */
const UNSTORABLE_TEXT = ['22021', '22P05', '22P02'];

/** What a caller is told of an error. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof QueryFailedError && UNSTORABLE_TEXT.includes(error.driverError.code)) {
    return new Problem('INVALID_REQUEST', 'A text holds a NUL character or half of a surrogate pair.');
  }
  if (error instanceof QueryFailedError && error.driverError.code === DISK_FULL)
    return new Problem('STORAGE_FULL', 'The disk of the database is full; tell whoever runs the service.');
  if (error instanceof DatabaseUnavailable) {
    const headers = { 'Retry-After': '1' };
    return new Problem('DATABASE_UNAVAILABLE', 'The database does not answer; try again.', {
      headers,
    });
  }
  if (error instanceof InvalidRange) {
    // RFC 9110, section 15.5.17: how long the object is, for the next try.
    const headers = { 'content-range': `bytes */${error.size}` };
    return new Problem('RANGE_NOT_SATISFIABLE', error.message, { headers });
  }
  if (error instanceof ObjectStoreUnavailable) {
    return new Problem(error.code, `${error.message}.`, { headers: { 'retry-after': RETRY_AFTER_SECONDS } });
  }
  if (error instanceof ModelUnavailable) {
    const headers = { 'retry-after': String(error.retryAfterSeconds) };
    return new Problem('MODEL_UNAVAILABLE', `The model cannot answer now: ${error.message}.`, { headers });
  }
  if (error instanceof ObjectStoreError) return new Problem(OBJECT_STORE_CODES[error.code], error.message);
  const status =
    error instanceof HttpException ? error.getStatus() : (error as { statusCode?: number })?.statusCode;
  // Fastify and Nest say in words that are safe to show what is wrong with a request that they refuse themselves.
  if (status !== undefined && status >= 400 && status < 500) {
    return new Problem(codeOf(status), (error as Error).message);
  }
  return new Problem('INTERNAL_ERROR', 'The server failed; the log has the cause under this request_id.');
}

function codeOf(status: number): ErrorCode {
  const codes = Object.keys(ERROR_STATUS) as ErrorCode[];
  return codes.find((code) => ERROR_STATUS[code] === status) ?? 'INVALID_REQUEST';
}
