import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AsyncPredictionsConfig } from '../../../config/index.js';
import { Database } from '../../../platform/database/database.js';
import type { TaskLease } from '../../../platform/tasks/task-lease.js';
import { Tasks } from '../../../platform/tasks/tasks.js';

const EVERY_SECONDS = 60;

/** Deletes asynchronous predictions that were kept long enough. */
@Injectable()
export class AsyncPredictionsSweeper implements OnApplicationBootstrap {
  constructor(
    private readonly config: AsyncPredictionsConfig,
    private readonly database: Database,
    private readonly tasks: Tasks,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('async-prediction-sweep', { seconds: EVERY_SECONDS }, (lease) => this.sweep(lease));
  }

  async sweep(lease?: TaskLease): Promise<number> {
    let total = 0;
    for (let deleted = 1; deleted > 0; total += deleted) {
      lease?.refuseLost();
      const [row] = await this.database.system.query('select delete_old_prediction_jobs($1) as deleted', [
        this.config.keptSeconds,
      ]);
      ({ deleted } = row as { deleted: number });
    }
    return total;
  }
}
