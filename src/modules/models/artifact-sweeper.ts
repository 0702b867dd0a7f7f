import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import type { TaskLease } from '../../platform/tasks/task-lease.js';
import { Tasks } from '../../platform/tasks/tasks.js';
import { ModelsRepository } from './models.repository.js';

const EVERY_SECONDS = 3600;
const AGE_MS = 24 * 3600_000;

/** Deletes artifacts that no version names, such as those of deleted models, and abandoned uploads, after 24 hours. */
@Injectable()
export class ArtifactSweeper implements OnApplicationBootstrap {
  constructor(
    private readonly database: Database,
    private readonly models: ModelsRepository,
    private readonly artifacts: Artifacts,
    private readonly tasks: Tasks,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('artifact-sweep', { seconds: EVERY_SECONDS }, (lease) => this.sweep(lease));
  }

  async sweep(lease?: TaskLease): Promise<void> {
    const olderThan = new Date(Date.now() - AGE_MS);
    for (const tenant of await this.artifacts.tenants()) {
      lease?.refuseLost();
      const deleted = await this.database.asTenant(tenant, (scope) =>
        this.artifacts.sweep(scope, olderThan, (digests) => this.models.namedDigests(scope, digests)),
      );
      if (deleted > 0) this.logger.info('artifacts swept', { tenant, deleted });
    }
  }
}
