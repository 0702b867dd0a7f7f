import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotencyKey } from './idempotency-key.entity.js';
import { IdempotencyInterceptor } from './idempotency.interceptor.js';
import { IdempotencyRepository } from './idempotency.repository.js';
import { IdempotentAnswers } from './idempotent-answers.js';
import { IdempotencySweeper } from './idempotency-sweeper.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([IdempotencyKey])],
  providers: [IdempotencyRepository, IdempotentAnswers, IdempotencyInterceptor, IdempotencySweeper],
  exports: [IdempotentAnswers, IdempotencyInterceptor],
})
export class IdempotencyModule {}
