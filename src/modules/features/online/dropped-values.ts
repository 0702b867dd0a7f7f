import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../../platform/database/database.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import type { TaskLease } from '../../../platform/tasks/task-lease.js';
import { Tasks } from '../../../platform/tasks/tasks.js';
import { MATERIALIZATION } from '../materialization/materialization-job.js';
import { DroppedViewsRepository } from './dropped-views.repository.js';
import { OnlineStore } from './online-store.js';

const EVERY_SECONDS = 60;
/** By then a push that began before the deletion has written its values. */
const AFTER_SECONDS = 120;
const VERSIONS_AT_ONCE = 100;

/** Deletes the online values of versions of views that were deleted. Nobody reads them, but most would stay for ever. */
@Injectable()
export class DroppedValues implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly dropped: DroppedViewsRepository,
    private readonly jobs: JobsService,
    private readonly store: OnlineStore,
    private readonly tasks: Tasks,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('feature-dropped-values', { seconds: EVERY_SECONDS }, (lease) => this.clear(lease));
  }

  /** A materialization that is still running may write values of a version that has been deleted meanwhile. */
  async clear(lease?: TaskLease, afterSeconds = AFTER_SECONDS): Promise<void> {
    for (const { tenant, onlineId } of await this.dropped.before(afterSeconds, VERSIONS_AT_ONCE)) {
      lease?.refuseLost();
      if ((await this.jobs.open(tenant, MATERIALIZATION)).length > 0) continue;
      for await (const keys of this.store.keysBehind(this.store.keyPrefix(tenant, onlineId)))
        await this.store.remove(keys);
      await this.database.asTenant(tenant, (scope) => this.dropped.forget(scope, onlineId));
    }
  }
}
