import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { PageInfo } from '../../platform/http/page.js';
import { JobBody, ListJobsQuery } from '../../platform/jobs/jobs.dto.js';
import { ResourcesBody } from '../training/training.dto.js';

export class SubmittedTuningBody {
  /**
   * Id of the study.
   * @example tune-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Always submitted.
   * @example submitted
   */
  status: string;

  /**
   * Model that gets the version of the best trial.
   * @example customer_churn_v2
   */
  model_name: string;

  /**
   * What the caller should know, such as where the data was taken from.
   * @example ["data_config is missing: the data of the training job train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e is searched on."]
   */
  warnings: string[];
}

export class RerunTuningBody extends SubmittedTuningBody {
  /**
   * Study whose request it repeats.
   * @example tune-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  rerun_of: string;
}

export class ListTuningQuery extends ListJobsQuery {
  /**
   * Only studies for this model.
   * @example customer_churn_v2
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(128)
  model_name?: string;
}

export class StudyObjectiveBody {
  /**
   * Metric.
   * @example val_accuracy
   */
  metric: string;

  /**
   * Whether less or more of it is better: min or max.
   * @example max
   */
  mode: string;
}

export class TrialCountsBody {
  /**
   * That run now.
   * @example 2
   */
  running: number;

  /**
   * That were measured to their end.
   * @example 31
   */
  succeeded: number;

  /**
   * That the pruner ended early.
   * @example 6
   */
  pruned: number;

  /**
   * That failed.
   * @example 0
   */
  failed: number;
}

export class BestTrialBody {
  /**
   * Number of the trial.
   * @example 17
   */
  number: number;

  /**
   * Its objective.
   * @example 0.9135
   */
  value: number;

  /**
   * Its parameters.
   * @example { "n_estimators": 200, "max_depth": 5, "learning_rate": 0.043, "min_samples_split": 5 }
   */
  parameters: Record<string, unknown>;
}

export class ImprovementBody {
  /**
   * Number of a trial that was better than all before it.
   * @example 17
   */
  number: number;

  /**
   * Its objective.
   * @example 0.9135
   */
  value: number;
}

export class StudyVersionBody {
  /**
   * Trial that it is of.
   * @example 17
   */
  number: number;

  /**
   * Model that got the version.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * The version.
   * @example 1.3.0
   */
  version: string;
}

export class ParameterImportanceBody {
  /**
   * Parameter.
   * @example learning_rate
   */
  name: string;

  /**
   * Share of the variance of the objective that it explains.
   * @example 0.61
   */
  importance: number;
}

export class ObjectiveImportanceBody {
  /**
   * Objective.
   * @example val_accuracy
   */
  metric: string;

  /** Parameters, the most important first. */
  parameters: ParameterImportanceBody[];
}

export class ParentUseBody {
  /**
   * Study whose trials were told to the sampler.
   * @example tune-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string;

  /**
   * Its ended trials.
   * @example 50
   */
  trials: number;

  /**
   * Those of them whose parameters fit this space.
   * @example 48
   */
  used: number;
}

export class TrialsFileBody {
  /**
   * Parquet of all ended trials.
   * @example s3://tenants/acme-corp/tuning/tune-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e/trials.parquet
   */
  uri: string;

  /**
   * Its size.
   * @example 9120
   */
  size_bytes: number;

  /**
   * Its SHA-256.
   * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
   */
  sha256: string;
}

export class TuningResultBody {
  /**
   * Model that got the version of the best trial; null where no trial keeps all constraints.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string | null;

  /**
   * Version of the best trial.
   * @example 1.3.0
   */
  version: string | null;

  /** Versions of the best trials, the best first; of several objectives, of trials of the Pareto front. */
  versions: StudyVersionBody[];

  /**
   * What ended the search: num_trials, max_minutes, target, no_improvement_trials or grid.
   * @example num_trials
   */
  stopped_by: string;

  /**
   * Seconds of searching, over all attempts.
   * @example 84.2
   */
  search_seconds: number;

  @ApiProperty({
    description:
      'Numbers of the trials that keep all constraints and that no other one beats in every objective; null of one objective.',
    type: [Number],
    nullable: true,
    example: null,
  })
  pareto_front: number[] | null;

  @ApiProperty({
    description:
      'How much of the variance of each objective the parameters explain (fANOVA, Hutter et al. 2014); null where the trials do not suffice.',
    type: [ObjectiveImportanceBody],
    nullable: true,
  })
  importance: ObjectiveImportanceBody[] | null;

  /** What became of the trials of parents. */
  parents: ParentUseBody[];

  /** All ended trials. */
  trials_file: TrialsFileBody;
}

const STUDY_PHASES = ['reading', 'searching', 'refitting'] as const;
type StudyPhase = (typeof STUDY_PHASES)[number];

export class TuningBody extends JobBody {
  /**
   * Model that gets the version of the best trial.
   * @example customer_churn_v2
   */
  model_name: string;

  /**
   * Library that trains.
   * @example sklearn
   */
  framework: string;

  /**
   * Estimator whose hyperparameters are searched.
   * @example gradient_boosting
   */
  estimator: string;

  /**
   * How parameters are suggested.
   * @example bayesian
   */
  algorithm: string;

  /** What is made as good as it can be. */
  objectives: StudyObjectiveBody[];

  /**
   * Trials at most.
   * @example 50
   */
  num_trials: number;

  @ApiProperty({
    description: 'What the study was doing last; null before it has begun.',
    enum: STUDY_PHASES,
    type: String,
    nullable: true,
    example: 'searching',
  })
  phase: StudyPhase | null;

  /** Trials by state. */
  trials: TrialCountsBody;

  @ApiProperty({
    description:
      'The best trial so far of those that keep all constraints; null before there is one, and of several objectives.',
    type: BestTrialBody,
    nullable: true,
  })
  best: BestTrialBody | null;

  /** Each trial so far that was better than all before it; empty of several objectives. */
  history: ImprovementBody[];

  /**
   * When the search will have ended, UTC; when the study ended, once it has; null before a trial has ended.
   * @example 2026-02-12T10:04:00.000Z
   */
  estimated_completion: string | null;

  /**
   * Metrics of the best trial so far.
   * @example { "val_accuracy": 0.9135, "val_loss": 0.231 }
   */
  metrics: Record<string, number | null>;

  /** What it uses. */
  resources: ResourcesBody;

  /** What it made; null until it has succeeded. */
  result: TuningResultBody | null;

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

export class TuningPage {
  /** Studies, newest first. */
  data: TuningBody[];

  /** Where the page stands. */
  page: PageInfo;
}
