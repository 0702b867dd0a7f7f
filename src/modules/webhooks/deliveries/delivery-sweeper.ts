import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/index.js';
import type { TaskLease } from '../../../platform/tasks/task-lease.js';
import { Tasks } from '../../../platform/tasks/tasks.js';
import { DeliveriesRepository } from './deliveries.repository.js';

const EVERY_SECONDS = 600;
/** So few that a statement does not take long. */
const AT_ONCE = 10_000;

/** Deletes deliveries that have ended and were kept long enough. */
@Injectable()
export class DeliverySweeper implements OnApplicationBootstrap {
  constructor(
    private readonly config: WebhooksConfig,
    private readonly deliveries: DeliveriesRepository,
    private readonly tasks: Tasks,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('webhook-sweep', { seconds: EVERY_SECONDS }, (lease) => this.sweep(lease));
  }

  async sweep(lease?: TaskLease): Promise<void> {
    for (let deleted = AT_ONCE; deleted === AT_ONCE;) {
      lease?.refuseLost();
      deleted = await this.deliveries.deleteOld(this.config.keptDays, AT_ONCE);
    }
  }
}
