import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PredictionLogConfig, RuntimeConfig } from '../../../config/index.js';
import { Database } from '../../../platform/database/database.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import { Schedule } from '../../../platform/schedule/schedule.js';

const EVERY_MS = 10 * 60_000;
const DAY_MS = 24 * 3600_000;
/** So many days ahead that whoever is away for a weekend finds them made. */
const DAYS_AHEAD = 7;

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

  private async keepUp(): Promise<void> {
    await this.makePartitions();
    if (this.runtime.runsWorker) await this.prune();
  }

  /** From yesterday on, for requests that began before midnight. */
  private async makePartitions(): Promise<void> {
    const day = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString().slice(0, 10);
    await this.database.system.query('select make_prediction_log_partitions($1, $2)', [
      day(-1),
      day(DAYS_AHEAD),
    ]);
  }

  async prune(): Promise<{ dropped: number; deleted: number }> {
    const total = { dropped: 0, deleted: 0 };
    for (;;) {
      const [row] = await this.database.system.query(
        'select dropped, deleted from prune_prediction_log($1)',
        [this.config.retentionDays],
      );
      const { dropped, deleted } = row as { dropped: number; deleted: number };
      total.dropped += dropped;
      total.deleted += deleted;
      if (deleted === 0) break;
    }
    if (total.dropped + total.deleted > 0) this.logger.info('old predictions deleted from the log', total);
    return total;
  }
}
