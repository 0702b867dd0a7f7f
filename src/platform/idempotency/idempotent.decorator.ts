import { applyDecorators, SetMetadata, UseInterceptors } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { IdempotencyInterceptor, WITHHELD } from './idempotency.interceptor.js';

/** Documents the header of a route that keeps its answers itself. */
export const ApiIdempotencyKey = (): MethodDecorator =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'Repeated within 24 hours with the same body, the request answers as the first time, with ' +
      '`Idempotency-Replayed: true`, and creates nothing; 409 while the first is being answered, 422 with another body.',
    schema: { type: 'string', maxLength: 255, example: '0b8f6d0e-7c52-4a53-9a3e-0a6f1d1b6c11' },
  });

/**
 * Lets a route that creates something be repeated without creating it twice: with the same Idempotency-Key.
 * @param withheld name of a field of the answer that is secret: it is not kept, and null where the answer is replayed
 */
export const Idempotent = ({ withheld }: { withheld?: string } = {}): MethodDecorator =>
  applyDecorators(
    UseInterceptors(IdempotencyInterceptor),
    SetMetadata(WITHHELD, withheld),
    ApiIdempotencyKey(),
  );
