import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PredictionLogConfig } from '../../config/index.js';
import { Database } from '../../platform/database/database.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { TenantStorage } from '../../platform/storage/tenant-storage.js';
import type { TaskLease } from '../../platform/tasks/task-lease.js';
import { Tasks } from '../../platform/tasks/tasks.js';
import { Timers } from '../../platform/timers/timers.js';

const EVERY_SECONDS = 600;
const DAY_MS = 24 * 3600_000;
/** Partitions are made a week ahead, so that a service that stands still for days finds them when it writes again. */
const DAYS_AHEAD = 7;

interface Pruned {
  dropped: number;
  deleted: number;
  counts_deleted: number;
}

/** Makes the log's partitions of the days to come, and lets go of what nobody keeps any longer. */
@Injectable()
export class LogUpkeep implements OnApplicationBootstrap {
  constructor(
    private readonly config: PredictionLogConfig,
    private readonly database: Database,
    private readonly storage: TenantStorage,
    private readonly timers: Timers,
    private readonly tasks: Tasks,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    // Every process makes them: without one of today an API could not write, and there may be no worker.
    const failed = 'partitions of the prediction log could not be made';
    this.timers.every(EVERY_SECONDS * 1000, failed, () => this.makePartitions(), 0);
    this.tasks.every('prediction-log-prune', { seconds: EVERY_SECONDS }, (lease) => this.prune(lease));
  }

  /** Deletes what nobody keeps any longer. @returns partitions dropped, rows of the log and counts deleted */
  async prune(lease?: TaskLease): Promise<Pruned> {
    const total = { dropped: 0, deleted: 0, counts_deleted: 0 };
    for (let again = true; again;) {
      lease?.refuseLost();
      const [row] = await this.database.system.query('select * from prune_prediction_log($1)', [
        this.config.retentionDays,
      ]);
      const { dropped, deleted, counts_deleted } = row as Pruned;
      total.dropped += dropped;
      total.deleted += deleted;
      total.counts_deleted += counts_deleted;
      again = deleted + counts_deleted > 0;
    }
    await this.storage.forgetDroppedLogs();
    if (total.dropped + total.deleted + total.counts_deleted > 0)
      this.logger.info('old predictions deleted from the log', { ...total });
    return total;
  }

  /** Makes those from yesterday on, for requests that began before midnight. */
  private async makePartitions(): Promise<void> {
    const day = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
    await this.database.system.query('select make_prediction_log_partitions($1, $2)', [
      day(-1),
      day(DAYS_AHEAD),
    ]);
  }
}
