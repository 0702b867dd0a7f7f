import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { RuntimeConfig } from '../../config/index.js';
import { Schedule } from '../schedule/schedule.js';
import { IdempotencyRepository } from './idempotency.repository.js';

const EVERY_MS = 10 * 60_000;

/** Deletes answers that were kept long enough. */
@Injectable()
export class IdempotencySweeper implements OnApplicationBootstrap {
  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly answers: IdempotencyRepository,
    private readonly schedule: Schedule,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.runtime.runsWorker) return;
    this.schedule.every(EVERY_MS, 'old idempotency keys could not be deleted', () => this.sweep());
  }

  sweep(): Promise<number> {
    return this.answers.sweep();
  }
}
