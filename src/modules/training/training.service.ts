import { Injectable } from '@nestjs/common';
import { TrainingConfig } from '../../config/index.js';
import type { Identity } from '../../platform/auth/identity.js';
import { invalid, Problem, unfit } from '../../platform/errors/problem.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import { JobReruns } from '../../platform/jobs/job-reruns.js';
import { Grants } from '../../platform/storage/grants.js';
import { FeatureJoins, type ServiceFeature } from '../features/offline/feature-joins.service.js';
import { refuseUnclear } from '../models/certainty/threshold.dto.js';
import type { Model, ModelType } from '../models/model.entity.js';
import { VersionsService } from '../models/versions.service.js';
import { chooseEstimator } from './estimators.js';
import { TRAINING } from './training-job.js';
import { pathsOf } from './training-data.service.js';
import type { TrainingSpec } from './training-spec.dto.js';
import { type DataConfigDto, SubmitTrainingDto } from './submit-training.dto.js';
import type { RerunTrainingBody, SubmittedTrainingBody } from './training.dto.js';

/** Share of the rows that is held out where a request says nothing else. */
const VALIDATION_SHARE = 0.2;

const PATHS = ['train_path', 'validation_path', 'entity_path', 'entity_validation_path'] as const;
const OF_TABLES = ['train_path', 'validation_path'] as const;
const OF_ENTITIES = ['entity_path', 'entity_validation_path', 'timestamp_column', 'ignore_created'] as const;

const THRESHOLD = '/training_config/threshold';

/** Training jobs as their tenant uses them. */
@Injectable()
export class TrainingService {
  constructor(
    private readonly jobs: JobsService,
    private readonly versions: VersionsService,
    private readonly grants: Grants,
    private readonly reruns: JobReruns,
    private readonly joins: FeatureJoins,
    private readonly config: TrainingConfig,
  ) {}

  /** @throws Problem as `specify` */
  async submit(caller: Identity, dto: SubmitTrainingDto, rerunOf?: string): Promise<SubmittedTrainingBody> {
    const spec = await this.specify(caller.tenant, dto);
    const job = await this.jobs.submit(caller.tenant, TRAINING, { spec, request: dto, rerunOf, by: caller });
    return { job_id: job.id, status: job.status, model_name: spec.model_name };
  }

  /**
   * Submits a job's request again, with changes.
   * @throws Problem as `submit` and `JobReruns.request`
   */
  async rerun(caller: Identity, id: string, changes: unknown): Promise<RerunTrainingBody> {
    const dto = await this.reruns.request(caller.tenant, TRAINING, id, SubmitTrainingDto, changes);
    return { ...(await this.submit(caller, dto, id)), rerun_of: id };
  }

  /** The newest training of a model that has not failed or been cancelled; null where the tenant has none. */
  newestOf(tenant: string, modelName: string): Promise<Job<TrainingSpec> | null> {
    return this.jobs.newest(tenant, TRAINING, ['submitted', 'running', 'succeeded'], {
      model_name: modelName,
    });
  }

  /**
   * Everything of a request that can be checked without its data, with the choices made.
   * @throws Problem 403 for a path outside the grants, 404 for the id of a model that there is not, 422 for what cannot
   *   be trained, 503 where Ray is asked for
   */
  async specify(tenant: string, dto: SubmitTrainingDto): Promise<TrainingSpec> {
    const { data_config, framework, model_name } = dto;
    const training_config = dto.training_config ?? {};
    const hyperparameters = dto.hyperparameters ?? {};
    if (training_config.engine === 'ray') {
      throw new Problem(
        'RAY_UNAVAILABLE',
        'No Ray cluster is configured; leave out training_config.engine to train here.',
      );
    }
    for (const name of PATHS) {
      const path = data_config[name];
      if (path) this.grants.refuseForeign(tenant, path, `/data_config/${name}`);
    }
    const features = await this.featuresOf(tenant, data_config);

    const model = await this.versions.findTrainable(tenant, model_name);
    const modelType = modelTypeOf(model, dto);
    const choice = chooseEstimator(framework, modelType, hyperparameters);
    if (training_config.calibration && modelType === 'regression') {
      throw unfit('/training_config/calibration', 'calibration has a meaning for classification only');
    }
    const { threshold } = training_config;
    if (threshold) refuseUnclear(threshold, THRESHOLD);
    if (threshold && modelType === 'regression')
      throw unfit(THRESHOLD, 'a threshold has a meaning for classification only');
    return {
      model_name: model?.name ?? model_name,
      framework,
      model_type: modelType ?? null,
      ...choice,
      ...(features && { features }),
      data_config: pathsOf(data_config).validationPath
        ? data_config
        : { ...data_config, validation_share: data_config.validation_share ?? VALIDATION_SHARE },
      training_config: { ...training_config, seed: training_config.seed ?? this.config.seed },
    };
  }

  /** Undefined for a ready table. */
  private async featuresOf(tenant: string, data: DataConfigDto): Promise<ServiceFeature[] | undefined> {
    refuseMixture(data);
    const { feature_service } = data;
    if (feature_service === undefined) return undefined;
    return this.joins.pin(tenant, { feature_service }, '/data_config');
  }
}

/** @throws Problem 400 for a field that has no meaning beside the others */
function refuseMixture(data: DataConfigDto): void {
  const isReady = data.feature_service === undefined;
  const idle = isReady ? OF_ENTITIES : OF_TABLES;
  const field = idle.find((name) => data[name] !== undefined);
  if (field === undefined) return;
  const message = isReady ? 'is for a feature_service, and none is named' : 'is not for a feature_service';
  throw invalid(`/data_config/${field}`, message);
}

/** A new version must be of its model's type; a model that does not exist yet is what the request or the data say. */
function modelTypeOf(model: Model | null, { model_type }: SubmitTrainingDto): ModelType | undefined {
  if (!model) return model_type ?? undefined;
  if (model_type && model.modelType !== model_type)
    throw unfit('/model_type', `the model ${model.name} does ${model.modelType}`);
  return model.modelType;
}
