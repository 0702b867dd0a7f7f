import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/database.js';
import { Problem } from '../../../platform/errors/problem.js';
import { decodeCursor, type PageQuery, pageOf } from '../../../platform/http/page.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import { parseViewReference } from '../definitions/definitions.js';
import type { FeatureRun } from './feature-run.entity.js';
import type { FeatureRunBody, FeatureRunPage, FeatureStatisticsBody } from './feature-runs.dto.js';
import { FeatureRunsRepository } from './feature-runs.repository.js';

/** What materializations have measured of a view, as its tenant reads it. */
@Injectable()
export class FeatureRunsService {
  constructor(
    private readonly database: Database,
    private readonly catalog: FeatureCatalog,
    private readonly runs: FeatureRunsRepository,
  ) {}

  /**
   * Runs of a version of a view, newest first.
   * @param name of the view, or name@v2
   * @throws Problem 404 where there is no such view
   */
  async list(tenant: string, name: string, query: PageQuery): Promise<FeatureRunPage> {
    const before = decodeCursor(tenant, query.cursor);
    const reference = parseViewReference(name);
    const versions = reference && (await this.catalog.of(tenant)).views.get(reference.view);
    const view = reference?.version ? versions?.versions.get(reference.version) : versions?.current;
    if (!view) throw new Problem('NOT_FOUND', `There is no view ${name.slice(0, 80)}.`);
    const rows = await this.database.asTenant(tenant, (scope) =>
      this.runs.list(scope, view, before, query.limit + 1),
    );
    return pageOf(rows, query.limit, tenant, ({ jobId }) => jobId, toBody);
  }
}

function toBody({ jobId, endedAt, intervalStart, intervalEnd, ...run }: FeatureRun): FeatureRunBody {
  return {
    job_id: jobId,
    ended_at: endedAt.toISOString(),
    start: intervalStart && intervalStart.toISOString(),
    end: intervalEnd.toISOString(),
    counts: run.counts,
    violations: run.violations,
    statistics: run.statistics as unknown as Record<string, FeatureStatisticsBody>,
  };
}
