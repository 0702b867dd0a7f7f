import { Injectable } from '@nestjs/common';
import { formatObjectUri, type ObjectAddress } from '#libs/object-store';
import { FeaturesConfig } from '../../../config/index.js';
import { Compute } from '../../../platform/compute/compute.js';
import type { TenantScope } from '../../../platform/database/database.js';
import { Problem } from '../../../platform/errors/problem.js';
import { newId } from '../../../platform/http/identifiers.js';
import { AttemptFiles } from '../../../platform/jobs/attempt-files.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../../platform/jobs/job-handlers.js';
import type { AttemptRef, JobRef } from '../../../platform/jobs/job-kind.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { TENANTS_BUCKET } from '../../../platform/storage/grants.js';
import { nameOf } from '../definitions/definitions.js';
import { FeatureFilesRepository } from '../files/feature-files.repository.js';
import type { ViewsProgressBody } from '../offline/views-progress.dto.js';
import {
  MATERIALIZATION,
  MATERIALIZATION_CONTRACT,
  type MaterializationSpec,
  type MaterializedView,
} from './materialization-job.js';
import { MaterializationPlans, type PlannedView } from './materialization-plans.js';
import type { MaterializationResultBody, MaterializedViewBody } from './materialization.dto.js';
import { FeatureRunsRepository } from '../runs/feature-runs.repository.js';

type MaterializationAttempt = JobAttempt<MaterializationSpec, ViewsProgressBody>;

/** Has an engine write the newest values of views to the online store, and notes how far they are. */
@Injectable()
@Handles(MATERIALIZATION)
export class MaterializationProcessor implements JobHandler<
  MaterializationSpec,
  ViewsProgressBody,
  MaterializationResultBody
> {
  constructor(
    private readonly compute: Compute,
    private readonly plans: MaterializationPlans,
    private readonly runs: FeatureRunsRepository,
    private readonly files: AttemptFiles,
    private readonly featureFiles: FeatureFilesRepository,
    private readonly jobs: JobsService,
    private readonly config: FeaturesConfig,
  ) {}

  async run(attempt: MaterializationAttempt): Promise<Outcome<MaterializationResultBody>> {
    const { views, spec } = await this.plans.make(attempt);
    // The URL of the online store may hold a password, which no spec may.
    const secrets = { redis_url: this.config.redisUrl };
    const outcome = await this.compute.run(attempt, MATERIALIZATION_CONTRACT, spec, secrets);
    if (outcome.type !== 'succeeded') return outcome;
    const done = views.map((planned, at) => ({
      planned,
      found: outcome.result.views[at] as MaterializedView,
    }));
    // The same job writes the same rows to the same address, whatever attempt.
    for (const { planned, found } of done)
      if (found.quarantine_file)
        await this.files.copy(
          attempt.claim,
          found.quarantine_file,
          quarantineOf(attempt.claim, planned),
          true,
        );
    const commit = async (scope: TenantScope): Promise<MaterializationResultBody> => {
      const bodies = [];
      for (const { planned, found } of done)
        bodies.push(await this.keep(scope, attempt.claim, planned, found));
      return { views: bodies };
    };
    return { type: 'succeeded', metrics: {}, commit };
  }

  /** A job that ended without success leaves no rows in quarantine, which nothing lists. */
  async cleanUp(claim: AttemptRef): Promise<void> {
    await this.files.clear(claim);
    const job = await this.jobs.get(claim.tenant, MATERIALIZATION, claim.id);
    if (job.endedAt && job.status !== 'succeeded')
      await this.files.deleteFolder(TENANTS_BUCKET, quarantineFolderOf(claim));
  }

  /** What was written is durable in the online store by now. @throws Problem where the view has been deleted */
  private async keep(
    scope: TenantScope,
    { id: jobId, ...claim }: AttemptRef,
    planned: PlannedView,
    { statistics, quarantine_file: file, ...found }: MaterializedView,
  ): Promise<MaterializedViewBody> {
    const { view, row, start, end } = planned;
    const { violations, newest_event_time, bytes_per_entity, name: _, version: __, ...counts } = found;
    const isThere = await this.runs.add(scope, view, row.definition, {
      ...{ jobId, start, end, counts, violations, statistics },
      ...{ newestEventTime: newest_event_time, bytesPerEntity: bytes_per_entity },
      ...{ entities: found.entities, written: found.written },
    });
    if (!isThere)
      throw new Problem('NOT_FOUND', `The view ${nameOf(view)} was deleted while it was materialized.`);
    const quarantine = file && formatObjectUri(quarantineOf({ ...claim, id: jobId }, planned));
    if (file && quarantine)
      await this.featureFiles.add(scope, {
        ...{ id: newId(), kind: 'quarantine', uri: quarantine, format: 'parquet' },
        ...{ view: view.name, version: view.version, jobId },
        ...{ entities: view.entities, keyColumns: view.keys },
        ...{ rows: found.quarantined, sizeBytes: file.size_bytes, sha256: file.sha256 },
      });
    return {
      ...found,
      start: start && start.toISOString(),
      end: end.toISOString(),
      quarantine_path: quarantine,
    };
  }
}

/** Where a tenant reads the rows of a view that a job left out. */
function quarantineOf(job: JobRef, { view }: PlannedView): ObjectAddress {
  return { bucket: TENANTS_BUCKET, key: `${quarantineFolderOf(job)}${nameOf(view)}.parquet` };
}

function quarantineFolderOf({ tenant, id }: JobRef): string {
  return `${tenant}/feature-quarantine/${id}/`;
}
