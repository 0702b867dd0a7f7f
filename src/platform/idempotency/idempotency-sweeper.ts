import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Tasks } from '../tasks/tasks.js';
import { IdempotencyRepository } from './idempotency.repository.js';

const EVERY_SECONDS = 600;

/** Deletes answers that were kept long enough. */
@Injectable()
export class IdempotencySweeper implements OnApplicationBootstrap {
  constructor(
    private readonly answers: IdempotencyRepository,
    private readonly tasks: Tasks,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('idempotency-key-sweep', { seconds: EVERY_SECONDS }, () => this.sweep());
  }

  sweep(): Promise<number> {
    return this.answers.sweep();
  }
}
