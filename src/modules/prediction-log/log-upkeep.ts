import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PredictionLogConfig, RuntimeConfig } from '../../config/index.js';
import { Database } from '../../platform/database/database.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { Schedule } from '../../platform/schedule/schedule.js';

const EVERY_MS = 10 * 60_000;
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
    private readonly runtime: RuntimeConfig,
    private readonly database: Database,
    private readonly schedule: Schedule,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    const failed = 'partitions of the prediction log could not be kept up';
    this.schedule.every(EVERY_MS, failed, () => this.keepUp(), 0);
  }

  /** Makes partitions in any process, and prunes in a worker. */
  async keepUp(): Promise<void> {
    await this.makePartitions();
    if (this.runtime.runsWorker) await this.prune();
  }

  /** Deletes what nobody keeps any longer. @returns partitions dropped, rows of the log and counts deleted */
  async prune(): Promise<Pruned> {
    const total = { dropped: 0, deleted: 0, counts_deleted: 0 };
    for (let again = true; again;) {
      const [row] = await this.database.system.query('select * from prune_prediction_log($1)', [
        this.config.retentionDays,
      ]);
      const { dropped, deleted, counts_deleted } = row as Pruned;
      total.dropped += dropped;
      total.deleted += deleted;
      total.counts_deleted += counts_deleted;
      again = deleted + counts_deleted > 0;
    }
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
