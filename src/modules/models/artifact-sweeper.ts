import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { RuntimeConfig } from '../../config/index.js';
import { Database } from '../../platform/database/database.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { Schedule } from '../../platform/schedule/schedule.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import { ModelsRepository } from './models.repository.js';

const EVERY_MS = 3600_000;
const AGE_MS = 24 * 3600_000;

/** Deletes artifacts that no version names, such as those of deleted models, and abandoned uploads, after 24 hours. */
@Injectable()
export class ArtifactSweeper implements OnApplicationBootstrap {
  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly database: Database,
    private readonly models: ModelsRepository,
    private readonly artifacts: Artifacts,
    private readonly schedule: Schedule,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.runtime.runsWorker) return;
    this.schedule.every(EVERY_MS, 'artifacts could not be swept', () => this.sweep());
  }

  async sweep(): Promise<void> {
    const olderThan = new Date(Date.now() - AGE_MS);
    for (const tenant of await this.artifacts.tenants()) {
      const deleted = await this.database.asTenant(tenant, (scope) =>
        this.artifacts.sweep(scope, olderThan, (digests) => this.models.namedDigests(scope, digests)),
      );
      if (deleted > 0) this.logger.info('artifacts swept', { tenant, deleted });
    }
  }
}
