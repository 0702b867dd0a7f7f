import { Inject, Injectable } from '@nestjs/common';
import type { ObjectAddress, ObjectStore } from '#libs/object-store';
import { Compute } from '../../platform/compute/compute.js';
import type { TenantScope } from '../../platform/database/database.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { folderOfJob } from '../../platform/jobs/job-folders.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import type { AttemptRef } from '../../platform/jobs/job-kind.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import { PLATFORM_BUCKET } from '../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../platform/storage/object-store.token.js';
import { TenantStorage } from '../../platform/storage/tenant-storage.js';
import type { ImportanceSummaryBody } from '../models/importance.dto.js';
import { CertaintiesService } from '../models/certainty/certainties.service.js';
import type { Threshold } from '../models/certainty/version-certainty.entity.js';
import type { Importance, VersionFiles } from '../models/model.entity.js';
import { VersionsService } from '../models/versions.service.js';
import type { TrainedFile, TrainedModel } from './trained-model.js';
import { TrainingData, type TrainingFiles } from './training-data.js';
import { TRAINING, TRAINING_CONTRACT, type TrainingSpec } from './training-job.js';
import { TrainerSpecs } from './trainer-specs.js';
import type { ProgressBody, TrainingResultBody } from './training.dto.js';

type TrainingAttempt = JobAttempt<TrainingSpec, ProgressBody>;

/** Runs training jobs on an engine and publishes what they make. */
@Injectable()
@Handles(TRAINING)
export class TrainingProcessor implements JobHandler<TrainingSpec, ProgressBody, TrainingResultBody> {
  constructor(
    private readonly compute: Compute,
    private readonly data: TrainingData,
    private readonly specs: TrainerSpecs,
    private readonly artifacts: Artifacts,
    private readonly versions: VersionsService,
    private readonly storage: TenantStorage,
    private readonly certainties: CertaintiesService,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  async run(attempt: TrainingAttempt): Promise<Outcome<TrainingResultBody>> {
    const { claim, job } = attempt;
    const { train, validation } = await this.data.findAll(claim.tenant, job.spec.data_config);
    const spec = this.specs.make(job.spec, train, validation, outputOf(claim));
    const outcome = await this.compute.run(attempt, TRAINING_CONTRACT, spec);
    if (outcome.type !== 'succeeded') return outcome;
    const { result } = outcome;
    // Its version is counted with the commit; until then the room is held, so that two jobs do not share it.
    const bytes = publishedFiles(result).reduce((sum, { size_bytes }) => sum + size_bytes, 0);
    await this.storage.reserve(claim.tenant, claim.id, bytes);
    for (const file of publishedFiles(result))
      await this.artifacts.copy(claim.tenant, fileOf(claim, file), file.sha256);
    const threshold = this.thresholdOf(attempt, result);
    const commit = (scope: TenantScope) =>
      this.publish(scope, attempt, result, threshold, { train, validation });
    return { type: 'succeeded', metrics: result.metrics, commit };
  }

  /** What this attempt and those before it wrote is published by now, or of no use to anyone. */
  async cleanUp(claim: AttemptRef): Promise<void> {
    for (let attempt = 1; attempt <= claim.attempt; attempt++) {
      const prefix = `${folderOf({ ...claim, attempt })}/`;
      const { objects } = await this.store.list({ bucket: PLATFORM_BUCKET, prefix });
      await Promise.all(objects.map(({ key }) => this.store.delete({ bucket: PLATFORM_BUCKET, key })));
    }
    await this.storage.release(claim.tenant, claim.id);
  }

  private async publish(
    scope: TenantScope,
    { job, claim }: TrainingAttempt,
    trained: TrainedModel,
    threshold: Threshold | null,
    { train, validation }: { train: TrainingFiles; validation: TrainingFiles | null },
  ): Promise<TrainingResultBody> {
    const { model_name, framework, data_config } = job.spec;
    for (const file of publishedFiles(trained))
      await this.artifacts.publish(scope, fileOf(claim, file), file.sha256);
    const { files, model_type, framework_version, calibration, threshold_curve, ...result } = trained;
    const certainty = {
      calibration: {
        ...calibration,
        job_id: job.id,
        created_by: job.submittedBy,
        created_at: new Date().toISOString(),
      },
      thresholdCurve: threshold_curve,
      threshold,
    };
    const published = await this.versions.publish(scope, {
      ...result,
      modelName: model_name,
      modelType: model_type,
      framework,
      frameworkVersion: framework_version,
      createdBy: job.submittedBy,
      jobId: job.id,
      files: filesOf(files),
      certainty,
      data: {
        ...data_config,
        train_files: train.files,
        validation_files: validation?.files ?? null,
        ...result.data,
      },
    });
    return { ...published, importance: result.importance && summaryOf(result.importance) };
  }

  /** One that cannot be had is told; the model is of use without it. */
  private thresholdOf(attempt: TrainingAttempt, trained: TrainedModel): Threshold | null {
    const { spec, submittedBy } = attempt.job;
    const asked = spec.training_config.threshold;
    if (!asked) return null;
    const found = this.certainties.thresholdOfTraining(asked, trained.signature, trained, submittedBy);
    if (typeof found !== 'string') return found;
    attempt.report({ type: 'warning', message: `training_config.threshold ${found}, and was ignored.` });
    return null;
  }
}

function outputOf(claim: AttemptRef): string {
  return `s3://${PLATFORM_BUCKET}/${folderOf(claim)}/`;
}

/** Where one attempt writes; no other attempt, and so no other worker, does. */
function folderOf(claim: AttemptRef): string {
  return `${folderOfJob(claim)}/attempts/${claim.attempt}`;
}

function fileOf(claim: AttemptRef, { name }: TrainedFile): ObjectAddress {
  return { bucket: PLATFORM_BUCKET, key: `${folderOf(claim)}/${name}` };
}

function publishedFiles({ files }: TrainedModel): TrainedFile[] {
  return Object.values(files);
}

function filesOf(files: TrainedModel['files']): VersionFiles {
  const byName = Object.entries(files).map(([name, { sha256, size_bytes }]) => [
    name,
    { sha256, size: size_bytes },
  ]);
  return Object.fromEntries(byName);
}

/** How an importance was found, without the features. */
function summaryOf({ features: _features, ...how }: Importance): ImportanceSummaryBody {
  return how;
}
