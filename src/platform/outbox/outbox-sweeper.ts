import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { EventsConfig } from '../../config/index.js';
import type { TaskLease } from '../tasks/task-lease.js';
import { Tasks } from '../tasks/tasks.js';
import { OutboxRepository } from './outbox.repository.js';

const EVERY_SECONDS = 600;
/** So few that a statement does not take long. */
const AT_ONCE = 10_000;

/** Deletes events that were kept long enough. */
@Injectable()
export class OutboxSweeper implements OnApplicationBootstrap {
  constructor(
    private readonly config: EventsConfig,
    private readonly events: OutboxRepository,
    private readonly tasks: Tasks,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('event-sweep', { seconds: EVERY_SECONDS }, (lease) => this.sweep(lease));
  }

  async sweep(lease?: TaskLease): Promise<void> {
    for (let deleted = AT_ONCE; deleted === AT_ONCE;) {
      lease?.refuseLost();
      deleted = await this.events.deleteOld(this.config.keptDays, AT_ONCE);
    }
  }
}
