import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/database.js';
import { Problem } from '../../../platform/errors/problem.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { TenantFeatures } from '../catalog/tenant-features.js';
import type { FeatureViewRow } from '../definitions/definition.entity.js';
import type { StoredView } from '../definitions/definitions.js';
import { DefinitionsRepository } from '../definitions/definitions.repository.js';
import { EngineRoom } from '../offline/engine-room.js';
import { OnlineStore } from '../online/online-store.js';
import { ViewSources } from '../offline/view-sources.js';
import { MATERIALIZATION, type MaterializationSpec } from './materialization-job.js';

/** What an attempt reads and writes of one version of a view. */
export interface PlannedView {
  readonly view: StoredView;
  /** The definition that it reads by, as the row holds it. */
  readonly row: FeatureViewRow;
  /** Rows behind it and up to `end` are read; null: from the first. */
  readonly start: Date | null;
  readonly end: Date;
}

/** Decides what an attempt reads, and tells it to the trainer: contracts/features-spec.v1.schema.json. */
@Injectable()
export class MaterializationPlans {
  constructor(
    private readonly database: Database,
    private readonly definitions: DefinitionsRepository,
    private readonly sources: ViewSources,
    private readonly room: EngineRoom,
    private readonly online: OnlineStore,
  ) {}

  /** @throws Problem 404 where a view or its source is not there any more, and as `ViewSources.find` */
  async make(attempt: JobAttempt<MaterializationSpec>): Promise<{ views: PlannedView[]; spec: object }> {
    const { claim, job } = attempt;
    const { tenant } = claim;
    const views = await this.read(tenant, job.spec);
    const specs = [];
    for (const { view, start, end } of views) {
      const { spec } = await this.sources.find(tenant, view, claim.id, (message) =>
        attempt.report({ type: 'warning', message }),
      );
      specs.push({
        view: spec,
        key_prefix: this.online.keyPrefix(tenant, view.online_id),
        start: start && start.toISOString(),
        end: end.toISOString(),
      });
    }
    return { views, spec: { ...this.room.of(claim, MATERIALIZATION), views: specs } };
  }

  /** Definitions and watermarks as one statement sees them, not as they are in memory. */
  private async read(tenant: string, spec: MaterializationSpec): Promise<PlannedView[]> {
    const rows = await this.database.asTenant(tenant, (scope) => this.definitions.all(scope));
    const features = TenantFeatures.of(rows, 0);
    const end = spec.end === null ? new Date() : new Date(spec.end);
    return spec.feature_views.map((text) => {
      const [name, version] = text.split('@v') as [string, string];
      const view = features.views.get(name)?.versions.get(Number(version));
      const row = rows.views.find((each) => each.name === name && each.version === Number(version));
      if (!row || view?.kind !== 'stored')
        throw new Problem('NOT_FOUND', `The view ${text} has been deleted since the job was submitted.`);
      return { view, row, start: startOf(spec, view, row.watermark), end };
    });
  }
}

function startOf(spec: MaterializationSpec, view: StoredView, watermark: Date | null): Date | null {
  if (!spec.incremental) return spec.start === null ? null : new Date(spec.start);
  return watermark && new Date(watermark.getTime() - view.max_lateness_seconds * 1000);
}
