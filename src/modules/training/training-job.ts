import { ComputeContract } from '../../platform/compute/compute-contract.js';
import { TrainingConfig } from '../../config/index.js';
import { toJobBody, toTrainedBody } from '../../platform/jobs/job-body.js';
import { configuredLimits, JobKind } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import { filledIn } from './estimators.js';
import type { ProgressBody, TrainingBody, TrainingResultBody } from './training.dto.js';
import { TrainingSpec, TrainingSummary } from './training-spec.dto.js';
import type { TrainedModel } from './trained-model.js';
import type { TrainingValidationBody } from './validation.dto.js';

/** The request as it was understood; what only the data can tell is null or, among hyperparameters, absent. */
function toTrainingRequest(spec: TrainingSpec): object {
  const { model_name, framework, model_type = null, data_config, training_config } = spec;
  const { estimator, hyperparameters } = spec;
  const settings = { ...training_config, batch_size: data_config.batch_size };
  return {
    model_name,
    framework,
    model_type,
    data_config,
    training_config,
    hyperparameters: {
      estimator,
      ...filledIn(framework, model_type, { estimator, hyperparameters }, settings),
    },
  };
}

export const TRAINING = new JobKind<TrainingSpec, ProgressBody, TrainingResultBody, TrainingSummary>({
  name: 'training',
  prefix: 'train',
  collection: '/api/v1/training',
  writes: true,
  spec: TrainingSpec,
  summary: TrainingSummary,
  limits: (config) => configuredLimits(config, config.get(TrainingConfig)),
  request: toTrainingRequest,
  needs: ({ training_config }) => ({ cpus: training_config.num_workers }),
});

/** What a validation has found; whether that can be trained is judged by who asked for it. */
export type ValidationResult = Omit<TrainingValidationBody, 'is_trainable'>;

/**
 * A look at the data of a training request. It is short and its caller waits for it, so it takes no room: behind
 * trainings of hours it would never be in time.
 */
export const VALIDATION = new JobKind<TrainingSpec, never, ValidationResult, TrainingSummary>({
  name: 'training-validation',
  prefix: 'check',
  spec: TrainingSpec,
  summary: TrainingSummary,
  isAwaited: true,
  request: toTrainingRequest,
  limits: (config) => {
    const { validations, validationSeconds, validationKeptSeconds } = config.get(TrainingConfig);
    return {
      concurrency: validations,
      maxRunSeconds: validationSeconds,
      keptSeconds: validationKeptSeconds,
      cpus: 0,
      memoryBytes: 0,
    };
  },
});

export const TRAINING_CONTRACT = new ComputeContract<ProgressBody, TrainedModel>({
  spec: 'training-spec.v1',
  kind: 'training',
  progress: 'epoch_progress',
  result: 'training_result',
});

export const VALIDATION_CONTRACT = new ComputeContract<never, ValidationResult>({
  spec: 'training-spec.v1',
  kind: 'validation',
  result: 'validation_result',
});

export function toTrainingBody(job: Job<TrainingSummary, ProgressBody, TrainingResultBody>): TrainingBody {
  const { model_name, framework, estimator } = job.spec;
  return {
    ...toJobBody(job),
    ...toTrainedBody(job),
    model_name,
    framework,
    estimator,
    progress: job.progress,
    result: job.result,
  };
}
