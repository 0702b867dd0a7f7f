import { join } from 'node:path';
import { Global, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { LocalEngine } from '#libs/compute';
import { PROCESS_ENVIRONMENT, PROJECT_ROOT } from '../../config/project.js';
import { RuntimeConfig } from '../../config/index.js';
import { AppLogger } from '../observability/logger.js';
import { StorageLocation } from '../storage/storage-location.js';

/** The embedded engine of this process: jobs run as children of one warm Python parent. */
@Injectable()
export class EmbeddedEngine extends LocalEngine implements OnApplicationShutdown {
  constructor(config: RuntimeConfig, logger: AppLogger, storage: StorageLocation) {
    const trainerDir = join(PROJECT_ROOT, 'trainer');
    super({
      python: config.python || join(trainerDir, '.venv', 'bin', 'python'),
      trainerDir,
      environment: PROCESS_ENVIRONMENT,
      credentials: () => storage.credentials(),
      onLog: (line) => logger.info('trainer', { line }),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }
}

@Global()
@Module({ providers: [EmbeddedEngine], exports: [EmbeddedEngine] })
export class ComputeModule {}
