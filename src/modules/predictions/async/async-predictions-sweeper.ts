import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AsyncPredictionsConfig, RuntimeConfig } from '../../../config/index.js';
import { Database } from '../../../platform/database/database.js';
import { Schedule } from '../../../platform/schedule/schedule.js';

const EVERY_MS = 60_000;

/** Deletes asynchronous predictions that were kept long enough. */
@Injectable()
export class AsyncPredictionsSweeper implements OnApplicationBootstrap {
  constructor(
    private readonly config: AsyncPredictionsConfig,
    private readonly runtime: RuntimeConfig,
    private readonly database: Database,
    private readonly schedule: Schedule,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.runtime.runsWorker) return;
    this.schedule.every(EVERY_MS, 'old predictions could not be deleted', () => this.sweep());
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
