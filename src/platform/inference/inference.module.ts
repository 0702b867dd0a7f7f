import { Global, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { ModelHosts } from '#libs/inference';
import { UploadsConfig } from '../../config/index.js';
import { AppLogger } from '../observability/logger.js';

/** The processes that this one runs uploaded models in. */
@Injectable()
export class UploadedModels extends ModelHosts implements OnApplicationShutdown {
  constructor(config: UploadsConfig, logger: AppLogger) {
    super({
      maxProcesses: config.maxProcesses,
      memoryBytes: config.memoryBytes,
      loadTimeoutMs: config.loadSeconds * 1000,
      runTimeoutMs: config.runSeconds * 1000,
      idleMs: config.idleSeconds * 1000,
      onFailure: (error, { sha256 }) =>
        logger.warn('uploaded model ended', { sha256, reason: error.message, cause: causesOf(error) }),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }
}

@Global()
@Module({ providers: [UploadedModels], exports: [UploadedModels] })
export class InferenceModule {}

function causesOf({ cause }: Error): string[] {
  return cause instanceof Error ? [cause.message, ...causesOf(cause)] : [];
}
