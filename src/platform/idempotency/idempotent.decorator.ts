import { applyDecorators, UseInterceptors } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';

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

/** Lets a route that creates something be repeated without creating it twice: with the same Idempotency-Key. */
export const Idempotent = (): MethodDecorator =>
  applyDecorators(UseInterceptors(IdempotencyInterceptor), ApiIdempotencyKey());
