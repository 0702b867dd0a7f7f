import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { RuntimeConfig } from '../../config/index.js';
import { AppLogger } from '../observability/logger.js';
import { IdempotencyRepository } from './idempotency.repository.js';

const SWEEP_MS = 10 * 60_000;

/** Deletes answers that were kept long enough. */
@Injectable()
export class IdempotencySweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly answers: IdempotencyRepository,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.runtime.runsWorker) return;
    this.timer = setInterval(() => void this.sweep(), SWEEP_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  async sweep(): Promise<void> {
    try {
      await this.answers.sweep();
    } catch (error) {
      this.logger.failure('old idempotency keys could not be deleted', error);
    }
  }
}
