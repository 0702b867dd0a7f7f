import { join } from 'node:path';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LocalEngine } from '#libs/compute';
import { RuntimeConfig } from '../../config/index.js';
import { PROCESS_ENVIRONMENT, PROJECT_ROOT } from '../../config/project.js';
import { AppLogger } from '../observability/logger.js';
import { StorageLocation } from '../storage/storage-location.js';

/** The embedded engine of this process: jobs run as children of one warm Python parent. */
@Injectable()
export class EmbeddedEngine extends LocalEngine implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly config: RuntimeConfig,
    logger: AppLogger,
    storage: StorageLocation,
  ) {
    const trainerDir = join(PROJECT_ROOT, 'trainer');
    super({
      python: config.trainerPython,
      trainerDir,
      environment: PROCESS_ENVIRONMENT,
      credentials: async () => ({ storage: await storage.credentials() }),
      onLog: (line) => logger.info('trainer', { line }),
    });
  }

  /** A worker that cannot start Python says so when it starts, and not to the first job. */
  async onApplicationBootstrap(): Promise<void> {
    if (this.config.runsWorker) await this.warmUp();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }
}
