import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { PageInfo } from '../../platform/http/page.js';
import { ImportanceSummaryBody } from '../models/importance.dto.js';
import { JobBody, ListJobsQuery, PhaseProgressBody } from '../../platform/jobs/jobs.dto.js';

export class SubmittedTrainingBody {
  /**
   * Id of the job.
   * @example train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;

  /**
   * Model that gets the new version.
   * @example customer_churn_v2
   */
  model_name: string;
}

export class RerunTrainingBody extends SubmittedTrainingBody {
  /**
   * Job whose request it repeats.
   * @example train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  rerun_of: string;
}

export class ListTrainingQuery extends ListJobsQuery {
  /**
   * Only jobs for this model.
   * @example customer_churn_v2
   */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  model_name?: string;
}

const TRAINING_PHASES = ['reading', 'fitting', 'exporting', 'checking', 'explaining', 'publishing'] as const;
type TrainingPhase = (typeof TRAINING_PHASES)[number];

export class ProgressBody {
  /**
   * Epochs done: passes, boosting rounds or trees.
   * @example 25
   */
  current_epoch: number;

  /**
   * Most epochs there will be.
   * @example 50
   */
  total_epochs: number;

  /**
   * Loss on the training rows (on 20,000 of more) after the last epoch; the validation loss is `val_loss` of the metrics.
   * @example 0.342
   */
  current_loss: number | null;

  /**
   * Least of these losses so far.
   * @example 0.298
   */
  best_loss: number | null;

  /**
   * Step size now; null for estimators without one.
   * @example 0.0008
   */
  learning_rate: number | null;

  @ApiProperty({
    description: 'What the job is doing.',
    enum: TRAINING_PHASES,
    required: false,
    example: 'fitting',
  })
  phase?: TrainingPhase;

  /**
   * Seconds that each phase took that has ended.
   * @example {"reading": 0.4}
   */
  phase_seconds?: Record<string, number>;

  /** How far the phase is; null where it does not tell. */
  phase_progress?: PhaseProgressBody | null;

  /**
   * Processor time that the job has used so far, in seconds.
   * @example 1.7
   */
  processor_seconds?: number;
}

export class ResourcesBody {
  /**
   * Threads or workers in use.
   * @example 2
   */
  workers: number;

  /**
   * GPUs in use.
   * @example 0
   */
  gpus: number;

  /**
   * Time since the job was first started, in minutes, up to its end.
   * @example 45
   */
  duration_minutes: number;
}

export class TrainingResultBody {
  /**
   * Model that got the version.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * The new version.
   * @example 1.2.0
   */
  version: string;

  /** How the importance of its features was found; null where it was not asked for. */
  importance: ImportanceSummaryBody | null;
}

export class TrainingBody extends JobBody {
  /**
   * Model that gets the new version.
   * @example customer_churn_v2
   */
  model_name: string;

  /**
   * Library that trains.
   * @example sklearn
   */
  framework: string;

  /**
   * Estimator that trains.
   * @example random_forest
   */
  estimator: string;

  /** How far it is; null before its first epoch. */
  progress: ProgressBody | null;

  /**
   * Metrics by name; train_ on training rows, val_ on validation rows.
   * @example { "train_accuracy": 0.92, "val_accuracy": 0.88, "train_loss": 0.342, "val_loss": 0.401 }
   */
  metrics: Record<string, number | null>;

  /** What it uses. */
  resources: ResourcesBody;

  /** What it made; null until it has succeeded. */
  result: TrainingResultBody | null;

  /**
   * Where it runs.
   * @example local
   */
  engine: string;

  /**
   * The engine's own id of the job; null where it has none.
   * @example raysubmit_8tHhzGYUbZ3vGk5C
   */
  engine_job_id: string | null;
}

export class TrainingPage {
  /** Jobs, newest first. */
  data: TrainingBody[];

  /** Where the page stands. */
  page: PageInfo;
}
