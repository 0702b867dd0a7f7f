import { Injectable } from '@nestjs/common';
import type { ObjectAddress } from '#libs/object-store';
import type { TenantScope } from '../../platform/database/database.js';
import { AttemptFiles } from '../../platform/jobs/attempt-files.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { folderOfAttempt } from '../../platform/jobs/job-folders.js';
import type { AttemptRef } from '../../platform/jobs/job-kind.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import { PLATFORM_BUCKET } from '../../platform/storage/grants.js';
import { TenantStorage } from '../../platform/storage/tenant-storage.js';
import { CertaintiesService } from '../models/certainty/certainties.service.js';
import type { Threshold } from '../models/certainty/version-certainty.entity.js';
import type { ImportanceSummaryBody } from '../models/importance.dto.js';
import type { Importance, VersionFiles } from '../models/model.entity.js';
import { VersionsService } from '../models/versions.service.js';
import type { TrainedFile, TrainedModel } from './trained-model.js';
import type { TrainingInput } from './training-data.service.js';
import type { TrainingResultBody } from './training.dto.js';
import type { TrainingSpec } from './training-spec.dto.js';

export type { TrainedModel };

/** A model that an attempt has trained and not published yet. */
export interface MadeModel {
  readonly trained: TrainedModel;
  /** Where its files lie within the folder of the attempt: empty, or ends with a slash. */
  readonly folder: string;
  /** More for the lineage of its version than the data says. */
  readonly lineage?: Readonly<Record<string, unknown>>;
}

/** What can be published in the transaction that ends the job. */
interface PreparedModel extends MadeModel {
  readonly threshold: Threshold | null;
}

type TrainingAttempt = JobAttempt<TrainingSpec>;

/** Makes versions of what jobs have trained in the folder of an attempt. */
@Injectable()
export class TrainedVersionsService {
  constructor(
    private readonly artifacts: Artifacts,
    private readonly versions: VersionsService,
    private readonly storage: TenantStorage,
    private readonly certainties: CertaintiesService,
    private readonly files: AttemptFiles,
  ) {}

  /**
   * The long part of publishing, ahead of the transaction: copies the files, and chooses thresholds.
   * @throws Problem 507 where the tenant has no room for the files; ObjectStoreError
   */
  async prepare(attempt: TrainingAttempt, models: readonly MadeModel[]): Promise<PreparedModel[]> {
    const { claim } = attempt;
    const files = models.flatMap((model) => filesOf(claim, model));
    // The versions are counted with the commit; until then the room is held, so that two jobs do not share it.
    await this.storage.reserve(
      claim.tenant,
      claim.id,
      files.reduce((sum, { size_bytes }) => sum + size_bytes, 0),
    );
    for (const { address, sha256 } of files) await this.artifacts.copy(claim.tenant, address, sha256);
    return models.map((model) => ({ ...model, threshold: this.thresholdOf(attempt, model.trained) }));
  }

  /** Publishes a version in the transaction that ends its job. @throws Problem as `VersionsService.publish` */
  async publish(
    scope: TenantScope,
    { job, claim }: TrainingAttempt,
    model: PreparedModel,
    { train, validation, join }: TrainingInput,
  ): Promise<TrainingResultBody> {
    const { model_name, framework, data_config, features } = job.spec;
    for (const { address, sha256 } of filesOf(claim, model))
      await this.artifacts.publish(scope, address, sha256);
    const { files, model_type, framework_version, calibration, threshold_curve, ...result } = model.trained;
    const certainty = {
      calibration: {
        ...calibration,
        job_id: job.id,
        created_by: job.submittedBy,
        created_at: new Date().toISOString(),
      },
      thresholdCurve: threshold_curve,
      threshold: model.threshold,
    };
    const published = await this.versions.publish(scope, {
      ...result,
      modelName: model_name,
      modelType: model_type,
      framework,
      frameworkVersion: framework_version,
      createdBy: job.submittedBy,
      jobId: job.id,
      files: versionFilesOf(files),
      certainty,
      data: {
        ...data_config,
        train_files: train.files,
        validation_files: validation?.files ?? null,
        ...(join && {
          feature_service: { name: data_config.feature_service, features },
          feature_files: join.viewFiles,
          definition_sha256: join.definitionSha256,
        }),
        ...result.data,
        ...model.lineage,
      },
    });
    return { ...published, importance: result.importance && summaryOf(result.importance) };
  }

  /** What this attempt and those before it wrote is published by now, or of no use to anyone. */
  async cleanUp(claim: AttemptRef): Promise<void> {
    await this.files.clear(claim);
    await this.storage.release(claim.tenant, claim.id);
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

function filesOf(
  claim: AttemptRef,
  { trained, folder }: MadeModel,
): (TrainedFile & { address: ObjectAddress })[] {
  return Object.values(trained.files).map((file) => ({
    ...file,
    address: { bucket: PLATFORM_BUCKET, key: `${folderOfAttempt(claim)}/${folder}${file.name}` },
  }));
}

function versionFilesOf(files: TrainedModel['files']): VersionFiles {
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
