import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsPositive,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { IsNormalized } from '../../platform/http/is-normalized.decorator.js';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { MODEL_TYPES, type ModelType } from '../models/model.entity.js';
import { IsModelNameOrId } from '../models/models.dto.js';
import {
  DataConfigDto,
  TRAINABLE_FRAMEWORKS,
  type TrainableFramework,
  TrainingConfigDto,
} from '../training/submit-training.dto.js';
import { type Mode, MODES } from './objectives.js';
import { RANGE_TYPES } from './search-space.js';

export const ALGORITHMS = ['bayesian', 'random', 'grid', 'qmc', 'cmaes', 'hyperband', 'gp'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export const PRUNERS = ['none', 'median', 'asha', 'wilcoxon'] as const;
export type Pruner = (typeof PRUNERS)[number];

export const REFITS = ['train', 'train_and_validation'] as const;
export type Refit = (typeof REFITS)[number];

export const MAX_TRIALS = 10_000;
const MAX_METRIC_LENGTH = 64;

export class ObjectiveDto {
  /**
   * Metric that a training reports, or artifact_bytes or latency_ms_p99 of the exported graph.
   * @example val_roc_auc
   */
  @IsString()
  @MaxLength(MAX_METRIC_LENGTH)
  metric: string;

  /**
   * Whether less or more of it is better; without it what is better of this metric.
   * @example max
   */
  @MayBeAbsent()
  @IsIn(MODES)
  mode?: Mode;
}

export class ConstraintDto {
  /**
   * Metric, as of an objective.
   * @example latency_ms_p99
   */
  @IsString()
  @MaxLength(MAX_METRIC_LENGTH)
  metric: string;

  /**
   * Most that it may be; this or at_least.
   * @example 2
   */
  @MayBeAbsent()
  @IsNumber()
  at_most?: number;

  /**
   * Least that it may be.
   * @example 0.8
   */
  @MayBeAbsent()
  @IsNumber()
  at_least?: number;
}

export class SubmitTuningDto {
  /**
   * Model that gets the version of the best trial; created when the tenant has none of this name. The id of a model that
   * exists will do as well.
   * @example customer_churn_v2
   */
  @IsString()
  @IsNormalized()
  @IsModelNameOrId()
  model_name: string;

  /**
   * Library that trains; without it the one that has the hyperparameters of the space.
   * @example sklearn
   */
  @MayBeAbsent()
  @IsIn(TRAINABLE_FRAMEWORKS)
  framework?: TrainableFramework;

  /**
   * Estimator whose hyperparameters are searched; without it the names in the space decide.
   * @example gradient_boosting
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(64)
  estimator?: string;

  /**
   * What to predict: a class or a number. Without it the model's own type, or what the target column looks like.
   * @example classification
   */
  @MayBeAbsent()
  @IsIn(MODEL_TYPES)
  model_type?: ModelType;

  /** The data; without it that of the last training of this model, which the warnings then name. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => DataConfigDto)
  data_config?: DataConfigDto;

  /** How each trial trains. */
  @MayBeAbsent()
  @IsObject()
  @ValidateNested()
  @Type(() => TrainingConfigDto)
  training_config?: TrainingConfigDto;

  /**
   * Hyperparameters that are the same in every trial.
   * @example { "subsample": 0.8 }
   */
  @MayBeAbsent()
  @IsObject()
  fixed_parameters?: Record<string, unknown>;

  @ApiProperty({
    description:
      'What is searched: by hyperparameter a type and its bounds. `choice` takes one of `values`; `randint` and `lograndint` an integer from `min` on and below `max`; `uniform` and `loguniform` a number from `min` to `max`; `quniform` one of `min`, `min + q` and so on up to `max`. `when` names other parameters and the value of each with which this one is searched.',
    type: 'object',
    additionalProperties: {
      type: 'object',
      required: ['type'],
      properties: {
        type: { type: 'string', enum: RANGE_TYPES },
        values: { type: 'array', items: {}, minItems: 1, maxItems: 1000 },
        min: { type: 'number' },
        max: { type: 'number' },
        q: { type: 'number' },
        when: { type: 'object', additionalProperties: true },
      },
    },
    example: {
      n_estimators: { type: 'choice', values: [50, 100, 200, 500] },
      max_depth: { type: 'randint', min: 3, max: 20 },
      learning_rate: { type: 'loguniform', min: 0.0001, max: 0.1 },
    },
  })
  @MayBeAbsent()
  @IsObject()
  search_space?: Record<string, unknown>;

  /**
   * Search the default space of the estimator, in place of a search_space.
   * @example false
   */
  @MayBeAbsent()
  @IsBoolean()
  autotune?: boolean;

  /**
   * Metric that is made as good as it can be; or several by objectives.
   * @example val_accuracy
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(MAX_METRIC_LENGTH)
  objective_metric?: string;

  /**
   * Whether less or more of objective_metric is better; without it what is better of this metric.
   * @example max
   */
  @MayBeAbsent()
  @IsIn(MODES)
  mode?: Mode;

  /** Several metrics, of which no trial is best but those that no other one beats in all: the Pareto front. */
  @MayBeAbsent()
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(4)
  @ValidateNested({ each: true })
  @Type(() => ObjectiveDto)
  objectives?: ObjectiveDto[];

  /** What a trial must keep: the best is the best of those that keep all. */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(20)
  @ValidateNested({ each: true })
  @Type(() => ConstraintDto)
  constraints?: ConstraintDto[];

  /**
   * How parameters are suggested.
   * @example bayesian
   */
  @MayBeAbsent()
  @IsIn(ALGORITHMS)
  algorithm?: Algorithm;

  /**
   * What ends a trial early that looks worse than others; none without it, asha with hyperband.
   * @example none
   */
  @MayBeAbsent()
  @IsIn(PRUNERS)
  pruner?: Pruner;

  /**
   * Measure each trial by the mean over so many parts of the training rows, each predicted by a model of the others.
   * @example 5
   */
  @MayBeAbsent()
  @IsInt()
  @Min(2)
  @Max(20)
  cv_folds?: number;

  /**
   * Trials at most; 50 without it, or all points of a grid.
   * @example 50
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_TRIALS)
  num_trials?: number;

  /**
   * Trials that run at once, as far as the CPUs of the worker allow; 1 without it.
   * @example 4
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(64)
  max_concurrent_trials?: number;

  /**
   * Minutes of searching, after which no trial begins.
   * @example 30
   */
  @ApiProperty({ minimum: 0 })
  @MayBeAbsent()
  @IsNumber()
  @IsPositive()
  @Max(7 * 24 * 60)
  max_minutes?: number;

  /**
   * No trial begins once the objective is as good as this.
   * @example 0.95
   */
  @MayBeAbsent()
  @IsNumber()
  target?: number;

  /**
   * No trial begins once so many in a row were no better than the best before them.
   * @example 20
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(MAX_TRIALS)
  no_improvement_trials?: number;

  /**
   * A trial that takes longer has failed.
   * @example 600
   */
  @ApiProperty({ minimum: 0 })
  @MayBeAbsent()
  @IsNumber()
  @IsPositive()
  @Max(7 * 86_400)
  trial_timeout_seconds?: number;

  /**
   * Share of num_trials that may fail before the study does; 0.5 without it.
   * @example 0.5
   */
  @MayBeAbsent()
  @IsNumber()
  @Min(0)
  @Max(1)
  max_failed_share?: number;

  /**
   * Seed of the suggestions; that of training_config without it.
   * @example 0
   */
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(2 ** 31 - 1)
  seed?: number;

  /**
   * The same request gives the same trials, whatever max_concurrent_trials is.
   * @example true
   */
  @MayBeAbsent()
  @IsBoolean()
  deterministic?: boolean;

  /**
   * How far a suggestion lags behind: it knows all trials but the last of so many, of which the rest run beside it; 4
   * without it. More trials than these never run at once; 1 knows all of them, one at a time.
   * @example 4
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(64)
  lag?: number;

  @ApiProperty({
    description: 'Parameters of the first trials; what one leaves out is suggested.',
    type: 'array',
    items: { type: 'object', additionalProperties: true },
    required: false,
    maxItems: 200,
    example: [{ max_depth: 3 }],
  })
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(200)
  @IsObject({ each: true })
  initial_trials?: Record<string, unknown>[];

  /**
   * Other studies of the same objectives, whose trials the suggestions learn from where their parameters fit the space.
   * @example []
   */
  @MayBeAbsent()
  @IsArray()
  @ArrayMaxSize(5)
  @ArrayUnique()
  @IsString({ each: true })
  @MaxLength(128, { each: true })
  parents?: string[];

  /**
   * How many of the best trials become versions, the best as the newest; 1 without it.
   * @example 1
   */
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(20)
  top_k?: number;

  /**
   * Rows that these versions learn from: the training rows, or the validation rows too.
   * @example train
   */
  @MayBeAbsent()
  @IsIn(REFITS)
  refit_on?: Refit;
}

export class AddTrialsDto {
  /**
   * How many more trials.
   * @example 20
   */
  @IsInt()
  @Min(1)
  @Max(MAX_TRIALS)
  add_trials: number;
}
