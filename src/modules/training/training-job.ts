import { durationMinutes, toJobBody } from '../../platform/jobs/job-body.js';
import type { JobKind } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import type { ModelType } from '../models/model.entity.js';
import type { TrainableFramework } from './estimators.js';
import type { DataConfigDto, TrainingConfigDto } from './submit-training.dto.js';
import type { TrainingBody } from './training.dto.js';

export const TRAINING: JobKind = { name: 'training', prefix: 'train' };

/** A look at the data of a training request. */
export const VALIDATION: JobKind = { name: 'training-validation', prefix: 'check' };

/** What the row of a training job keeps of its request, checked and with the choices made. */
export interface TrainingSpec {
  model_name: string;
  framework: TrainableFramework;
  model_type: ModelType | null;
  estimator: string;
  hyperparameters: Record<string, unknown>;
  data_config: DataConfigDto;
  training_config: TrainingConfigDto;
}

export function specOf(job: Job): TrainingSpec {
  return job.spec as unknown as TrainingSpec;
}

export function toTrainingBody(job: Job): TrainingBody {
  const { model_name, framework, estimator } = specOf(job);
  return {
    ...toJobBody(job),
    model_name,
    framework,
    estimator,
    progress: job.progress as TrainingBody['progress'],
    metrics: job.metrics,
    resources: {
      workers: job.resources.workers ?? 0,
      gpus: job.resources.gpus ?? 0,
      duration_minutes: durationMinutes(job),
    },
    result: job.result as unknown as TrainingBody['result'],
    engine: job.engine,
    engine_job_id: job.engineJobId,
  };
}
