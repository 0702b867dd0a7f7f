import { Injectable } from '@nestjs/common';
import type { Identity } from '../../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { invalid, Problem, unfit } from '../../../platform/errors/problem.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { Grants } from '../../../platform/storage/grants.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import { nameOf, type StoredView } from '../definitions/definitions.js';
import { refuseDuringErasure } from '../erasure/erasure-job.js';
import { MATERIALIZATION, type MaterializationSpec } from './materialization-job.js';
import type { SubmittedMaterializationBody } from './materialization.dto.js';
import { FeatureRunsRepository } from '../runs/feature-runs.repository.js';
import type { SubmitMaterializationDto } from './submit-materialization.dto.js';

/** Materializations as their tenant submits them. */
@Injectable()
export class MaterializationService {
  constructor(
    private readonly database: Database,
    private readonly jobs: JobsService,
    private readonly catalog: FeatureCatalog,
    private readonly grants: Grants,
    private readonly runs: FeatureRunsRepository,
  ) {}

  /**
   * Submits a job, unless another one that has not ended writes one of its views: two at once could leave the watermark
   * behind what is online, or ahead of it.
   * @throws Problem as `specify`, and 409 with the id of that job
   */
  submit(caller: Identity, dto: SubmitMaterializationDto): Promise<SubmittedMaterializationBody> {
    const { tenant } = caller;
    return this.database.inOneTransaction(tenant, async (scope) => {
      const spec = await this.specify(tenant, dto);
      await this.refuseOverlap(scope, spec);
      const { id, status } = await this.jobs.submit(tenant, MATERIALIZATION, {
        spec,
        request: dto,
        by: caller,
      });
      return { job_id: id, status };
    });
  }

  /**
   * Everything of a request that can be checked without the sources of its views, with the choices made.
   * @throws Problem 400 for an interval beside `incremental`, 403 for a source outside of the grants, 422 for a view
   *   that there is not or that has no online values, and for an interval that is none
   */
  async specify(tenant: string, dto: SubmitMaterializationDto): Promise<MaterializationSpec> {
    const { start = null, end = null } = dto;
    refuseNoInterval(dto);
    const views = await this.viewsOf(tenant, dto.feature_views);
    for (const { source } of views) this.grants.refuseForeign(tenant, source.path);
    return {
      feature_views: views.map(nameOf),
      incremental: dto.incremental ?? (start === null && end === null),
      start,
      end,
    };
  }

  private async viewsOf(tenant: string, names: readonly string[] | undefined): Promise<StoredView[]> {
    const features = await this.catalog.of(tenant);
    if (!names) {
      const all = [...features.views.values()].map(({ current }) => current);
      const stored = all.filter((view) => view.kind === 'stored');
      if (stored.length === 0) throw unfit('/feature_views', 'there is no view with online values');
      return stored;
    }
    const views = names.map((name, at) => {
      const view = features.view(name, `/feature_views/${at}`);
      if (view.kind === 'stored') return view;
      throw unfit(`/feature_views/${at}`, `${name} is computed on demand and has no online values`);
    });
    const twice = views.findIndex((view, at) => views.indexOf(view) !== at);
    if (twice >= 0)
      throw unfit(`/feature_views/${twice}`, `names ${nameOf(views[twice] as StoredView)} once more`);
    return views;
  }

  private async refuseOverlap(scope: TenantScope, { feature_views }: MaterializationSpec): Promise<void> {
    await this.runs.lockSubmissions(scope);
    await refuseDuringErasure(this.jobs, scope.tenant);
    for (const { id, spec } of await this.jobs.open(scope.tenant, MATERIALIZATION)) {
      const shared = feature_views.find((view) => spec.feature_views.includes(view));
      if (shared === undefined) continue;
      throw new Problem(
        'JOB_STATE_CONFLICT',
        `The job ${id} materializes ${shared}; wait for its end, or cancel it.`,
      );
    }
  }
}

/** @throws Problem */
function refuseNoInterval({ incremental, start, end }: SubmitMaterializationDto): void {
  const now = Date.now();
  if (incremental && start !== undefined)
    throw invalid('/start', 'is given in place of incremental, not beside it');
  if (incremental && end !== undefined)
    throw invalid('/end', 'is given in place of incremental, not beside it');
  if (end !== undefined && Date.parse(end) > now) throw unfit('/end', 'must not lie in the future');
  const until = end === undefined ? now : Date.parse(end);
  if (start !== undefined && Date.parse(start) >= until)
    throw unfit('/start', `must lie before ${end === undefined ? 'now' : 'end'}`);
}
