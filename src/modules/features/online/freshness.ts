import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../../platform/database/database.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import { Outbox } from '../../../platform/outbox/outbox.js';
import type { TaskLease } from '../../../platform/tasks/task-lease.js';
import { Tasks } from '../../../platform/tasks/tasks.js';
import { FreshnessRepository } from './freshness.repository.js';

const EVERY_SECONDS = 30;

/** Tells when the newest values of a view are older than its `freshness_alarm_seconds`. */
@Injectable()
export class Freshness implements OnApplicationBootstrap {
  constructor(
    private readonly ages: FreshnessRepository,
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly tasks: Tasks,
    metrics: Metrics,
  ) {
    metrics.gauge(
      'modelplane_feature_freshness_seconds',
      'Time since the newest event of the view of which that is longest ago.',
      [],
      async () => {
        const worst = await this.ages.worstAge();
        return worst === null ? [] : [{ labels: {}, value: worst }];
      },
      'first',
    );
  }

  onApplicationBootstrap(): void {
    this.tasks.every('feature-freshness', { seconds: EVERY_SECONDS }, (lease) => this.check(lease));
  }

  async check(lease?: TaskLease): Promise<void> {
    for (const age of await this.ages.changed()) {
      lease?.refuseLost();
      const { tenant, view, version, ageSeconds, isStale } = age;
      await this.database.asTenant(tenant, async (scope) => {
        if (!(await this.ages.note(scope, age)) || !isStale) return;
        const data = { view, version, age_seconds: Math.round(ageSeconds) };
        await this.outbox.add(scope, { type: 'feature.stale', data });
      });
    }
  }
}
