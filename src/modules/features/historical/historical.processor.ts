import { Injectable } from '@nestjs/common';
import { ObjectExists, parseObjectUri } from '#libs/object-store';
import { Compute } from '../../../platform/compute/compute.js';
import type { TenantScope } from '../../../platform/database/database.js';
import { newId } from '../../../platform/http/identifiers.js';
import { AttemptFiles } from '../../../platform/jobs/attempt-files.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../../platform/jobs/job-handlers.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { Grants } from '../../../platform/storage/grants.js';
import { FeatureFilesRepository } from '../files/feature-files.repository.js';
import { EngineRoom } from '../offline/engine-room.js';
import { FeatureJoins } from '../offline/feature-joins.service.js';
import { entitiesOf, keysOf } from '../offline/join-plan.js';
import type { ViewsProgressBody } from '../offline/views-progress.dto.js';
import { EntityFiles } from './entity-files.js';
import { HISTORICAL, HISTORICAL_CONTRACT, type HistoricalSpec, outputOf } from './historical-job.js';
import type { HistoricalResultBody } from './historical.dto.js';
import { taken } from './historical.service.js';

type HistoricalAttempt = JobAttempt<HistoricalSpec, ViewsProgressBody>;

/** Name of the file in the folder of an attempt. */
const FILE = 'training_set.parquet';

/** Has an engine join features to rows, and puts the file where its tenant asked for it. */
@Injectable()
@Handles(HISTORICAL)
export class HistoricalProcessor implements JobHandler<
  HistoricalSpec,
  ViewsProgressBody,
  HistoricalResultBody
> {
  /** Jobs of this process whose file is at its address. */
  private readonly copied = new Set<string>();

  constructor(
    private readonly compute: Compute,
    private readonly joins: FeatureJoins,
    private readonly rows: EntityFiles,
    private readonly files: AttemptFiles,
    private readonly featureFiles: FeatureFilesRepository,
    private readonly grants: Grants,
    private readonly room: EngineRoom,
    private readonly jobs: JobsService,
  ) {}

  async run(attempt: HistoricalAttempt): Promise<Outcome<HistoricalResultBody>> {
    const { claim, job } = attempt;
    const { tenant } = claim;
    const path = outputOf(job);
    const address = parseObjectUri(path);
    this.grants.refuseForeign(tenant, address);
    const plan = await this.joins.plan(tenant, job.spec.features);
    const rows = await this.rows.of(claim, job.spec);
    const join = await this.joins.specify(tenant, plan, rows, claim.id, (message) =>
      attempt.report({ type: 'warning', message }),
    );
    const outcome = await this.compute.run(attempt, HISTORICAL_CONTRACT, {
      ...this.room.of(claim, HISTORICAL),
      join: join.spec,
      file_name: FILE,
    });
    if (outcome.type !== 'succeeded') return outcome;
    const { file, ...joined } = outcome.result;
    await this.files
      .copy(claim, file, address, job.spec.overwrite || job.spec.output_path === null)
      .catch((error: unknown) => {
        throw error instanceof ObjectExists ? taken(path) : error;
      });
    this.copied.add(claim.id);
    const commit = async (scope: TenantScope): Promise<HistoricalResultBody> => {
      await this.featureFiles.add(scope, {
        ...{ id: newId(), kind: 'training_set', uri: path, format: 'parquet' },
        ...{ view: null, version: null, jobId: claim.id },
        ...{ entities: entitiesOf(plan), keyColumns: keysOf(plan) },
        ...{ rows: joined.rows, sizeBytes: file.size_bytes, sha256: file.sha256 },
      });
      return { path, size_bytes: file.size_bytes, definition_sha256: join.definitionSha256, ...joined };
    };
    return { type: 'succeeded', metrics: {}, commit };
  }

  /** A job that was cancelled once its file was copied leaves none. */
  async cleanUp(claim: AttemptRef): Promise<void> {
    await this.files.clear(claim);
    const job = await this.jobs.get(claim.tenant, HISTORICAL, claim.id);
    if (!job.endedAt) return;
    if (this.copied.delete(claim.id) && job.status !== 'succeeded')
      await this.files.delete(parseObjectUri(outputOf(job)));
  }
}
