import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { TenantScope } from '../database/database.js';
import { Problem } from '../errors/problem.js';
import { IdempotencyRepository } from './idempotency.repository.js';

/** Printable ASCII, as draft-ietf-httpapi-idempotency-key-header-07 has it, with or without its quotes. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/** A request that creates something, as it is known again. */
export interface KeyedRequest {
  readonly key: string;
  /** Of all that the answer depends on. */
  readonly fingerprint: string;
}

export interface KeptAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly isReplayed: boolean;
}

/**
 * @param content what stands for the request's body; it is short
 * @returns null for a request without an Idempotency-Key
 * @throws Problem 400
 */
export function keyedRequest(
  { method, url, headers }: FastifyRequest,
  content: unknown,
): KeyedRequest | null {
  const key = headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new Problem(
      'INVALID_REQUEST',
      'Idempotency-Key: must be 1 to 255 printable ASCII characters without spaces',
      { errors: [{ pointer: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }] },
    );
  }
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([method, url, content]))
    .digest('hex');
  return { key, fingerprint };
}

/** Answers under their keys: each is kept by the transaction that makes what it tells of. */
@Injectable()
export class IdempotentAnswers {
  constructor(private readonly answers: IdempotencyRepository) {}

  /**
   * The kept answer, or that of `work`, which writes in the same transaction. What fails keeps nothing, so that it can
   * be repeated.
   * @param work answers with a body, and with `lasting` instead where not all of the body may be kept
   * @throws Problem 409 while the first request is being answered, 422 for another one
   */
  async once(
    scope: TenantScope,
    { key, fingerprint }: KeyedRequest,
    work: () => Promise<{ status: number; body: unknown; lasting?: object }>,
  ): Promise<KeptAnswer> {
    if (!(await this.answers.tryLock(scope, key))) {
      throw new Problem('IDEMPOTENCY_IN_FLIGHT', 'A request with this Idempotency-Key is being answered.', {
        headers: { 'Retry-After': '1' },
      });
    }
    const kept = await this.answers.find(scope, key);
    if (kept) {
      if (kept.fingerprint !== fingerprint) {
        throw new Problem(
          'IDEMPOTENCY_MISMATCH',
          'This Idempotency-Key was used for a request with another path or body.',
        );
      }
      return { status: kept.status, body: kept.body, isReplayed: true };
    }
    const { status, body, lasting = body } = await work();
    await this.answers.insert(scope, { key, fingerprint, status, body: lasting as object });
    return { status, body, isReplayed: false };
  }
}
