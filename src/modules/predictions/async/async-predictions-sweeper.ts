import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AsyncPredictionsConfig, RuntimeConfig } from '../../../config/index.js';
import { Database } from '../../../platform/database/database.js';
import { AppLogger } from '../../../platform/observability/logger.js';

const EVERY_MS = 60_000;

/** Deletes asynchronous predictions that were kept long enough. */
@Injectable()
export class AsyncPredictionsSweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly config: AsyncPredictionsConfig,
    private readonly runtime: RuntimeConfig,
    private readonly database: Database,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.runtime.runsWorker) return;
    this.timer = setInterval(() => {
      this.sweep().catch((error: Error) =>
        this.logger.failure('old predictions could not be deleted', error),
      );
    }, EVERY_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  async sweep(): Promise<number> {
    let total = 0;
    for (let deleted = 1; deleted > 0; total += deleted) {
      const [row] = await this.database.system.query('select delete_old_prediction_jobs($1) as deleted', [
        this.config.keptSeconds,
      ]);
      ({ deleted } = row as { deleted: number });
    }
    return total;
  }
}
