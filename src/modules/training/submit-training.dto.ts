import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsNumber,
  IsObject,
  IsOptional,
  IsPositive,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { IsNormalized } from '../../platform/http/is-normalized.decorator.js';
import { DATA_FORMATS, type DataFormat } from '../../platform/storage/data-files.js';
import { ThresholdDto } from '../models/certainty/threshold.dto.js';
import { MODEL_TYPES, type ModelType } from '../models/model.entity.js';
import { IsModelNameOrId } from '../models/models.dto.js';
import { TRAINABLE_FRAMEWORKS, type TrainableFramework } from './estimators.js';
import { FEATURE_TYPES, type FeatureType, IsFeatureTypes } from './feature-types.js';

export { TRAINABLE_FRAMEWORKS, type TrainableFramework };

/** Columns that a ready table has are those of its files; a feature service is joined to rows of entities. */
const isReadyTable = ({ feature_service }: DataConfigDto): boolean => feature_service === undefined;

export class DataConfigDto {
  /**
   * Rows to train on: a file, a folder or a glob of Parquet, CSV or JSON lines. This, or feature_service and entity_path.
   * @example s3://data/train.parquet
   */
  @ValidateIf(isReadyTable)
  @IsString()
  @MaxLength(1200)
  train_path?: string;

  /**
   * Rows to measure on; without it a share of the training rows is held out.
   * @example s3://data/val.parquet
   */
  @IsOptional()
  @IsString()
  @MaxLength(1200)
  validation_path?: string;

  /**
   * Feature service whose features are learned from, joined to the rows of entity_path as of the time of each.
   * @example churn
   */
  @IsOptional()
  @IsString()
  @MaxLength(63)
  feature_service?: string;

  /**
   * Rows of entities to train on, in place of train_path: key columns, the time and the target column; other columns are
   * learned from only where feature_columns names them.
   * @example s3://data/churned.parquet
   */
  @ValidateIf((data: DataConfigDto) => !isReadyTable(data))
  @IsString()
  @MaxLength(1200)
  entity_path?: string;

  /**
   * Rows of entities to measure on, in place of validation_path.
   * @example s3://data/churned_later.parquet
   */
  @IsOptional()
  @IsString()
  @MaxLength(1200)
  entity_validation_path?: string;

  /**
   * Column of the time that a row of entity_path is as of.
   * @example event_timestamp
   */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  timestamp_column?: string;

  /**
   * Join rows of a view also where they were created after that time.
   * @example false
   */
  @IsOptional()
  @IsBoolean()
  ignore_created?: boolean;

  /**
   * Column to predict.
   * @example churned
   */
  @IsString()
  @IsNotEmpty()
  @MaxLength(256)
  target_column: string;

  /**
   * Columns to learn from; without it every column but the target, or the features of the service.
   * @example ["total_orders", "avg_order_value"]
   */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(10_000)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  feature_columns?: string[];

  /**
   * Columns not to learn from.
   * @example ["customer_id"]
   */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(10_000)
  @IsString({ each: true })
  @MaxLength(256, { each: true })
  exclude_columns?: string[];

  /**
   * What columns hold, where the data leaves it open or says it wrongly: category keeps digits such as zip codes as
   * text, number reads text as numbers, time takes ISO 8601 text or milliseconds since 1970, boolean also yes and no.
   * @example {"zip": "category"}
   */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string', enum: [...FEATURE_TYPES] } })
  @IsOptional()
  @IsFeatureTypes()
  feature_types?: Record<string, FeatureType>;

  /**
   * Share of the rows that is held out when there is no validation_path; stratified by class.
   * @example 0.2
   */
  @IsOptional()
  @IsNumber()
  @Min(0.01)
  @Max(0.5)
  validation_share?: number;

  /**
   * Format of the files; without it their names tell.
   * @example parquet
   */
  @IsOptional()
  @IsIn(DATA_FORMATS)
  format?: DataFormat;

  /**
   * Rows of one optimisation step, for estimators that learn in steps.
   * @example 64
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  batch_size?: number;
}

export const IMPORTANCES = ['none', 'fast', 'permutation'] as const;
export type ImportanceKind = (typeof IMPORTANCES)[number];

export const CALIBRATIONS = ['isotonic', 'sigmoid'] as const;
export type Calibration = (typeof CALIBRATIONS)[number];

export class TrainingConfigDto {
  /**
   * Where to run: local, or ray where a cluster is configured.
   * @example local
   */
  @IsOptional()
  @IsIn(['local', 'ray'])
  engine?: 'local' | 'ray';

  /**
   * How workers share the work. On the local engine they are threads of one process.
   * @example data_parallel
   */
  @IsOptional()
  @IsIn(['single', 'data_parallel'])
  strategy?: string;

  /**
   * Workers; at most as many threads as the machine has cores on the local engine.
   * @example 2
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1024)
  num_workers?: number;

  /**
   * Ask for a GPU. The local engine has none and says so in the warnings.
   * @example false
   */
  @IsOptional()
  @IsBoolean()
  use_gpu?: boolean;

  /**
   * Most passes or boosting rounds, where no hyperparameter of the estimator says so.
   * @example 50
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  epochs?: number;

  /**
   * Step size, for estimators that have one and were given none as a hyperparameter.
   * @example 0.001
   */
  @ApiProperty({ minimum: 0 })
  @IsOptional()
  @IsNumber()
  @IsPositive()
  @Max(1000)
  learning_rate?: number;

  /**
   * Stop once the validation loss gets no better.
   * @example true
   */
  @IsOptional()
  @IsBoolean()
  early_stopping?: boolean;

  /**
   * Epochs without a better validation loss after which training stops.
   * @example 5
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100_000)
  patience?: number;

  /**
   * Seed of every random choice; the same seed and data give the same model.
   * @example 0
   */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2 ** 31 - 1)
  seed?: number;

  /**
   * Bring a classifier's probabilities to the shares that were seen, by a rising line (isotonic) or a logistic
   * curve (sigmoid) over cross-validated predictions of the training rows. Part of the exported model.
   * @example isotonic
   */
  @IsOptional()
  @IsIn(CALIBRATIONS)
  calibration?: Calibration;

  /**
   * Answer the second of two classes from another probability on than that of the first, chosen on the held-out rows: as
   * `PUT …/versions/{version}/threshold` takes it.
   * @example { "metric": "cost", "false_positive": 1, "false_negative": 5 }
   */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => ThresholdDto)
  threshold?: ThresholdDto;

  /**
   * How the importance of features is found: permutation (the default) shuffles them among validation rows; fast asks
   * the model itself (gain of trees, coefficients of linear models) and shuffles few rows where it cannot; or none.
   * @example fast
   */
  @IsOptional()
  @IsIn(IMPORTANCES)
  importance?: ImportanceKind;

  /**
   * Seconds that shuffling may take; 10 without it. What it did not suffice for is told with the importance.
   * @example 10
   */
  @IsOptional()
  @IsNumber()
  @Min(1)
  @Max(3600)
  importance_seconds?: number;
}

export class SubmitTrainingDto {
  /**
   * Model that gets the new version; created when the tenant has none of this name. The id of a model that exists will
   * do as well.
   * @example customer_churn_v2
   */
  @IsString()
  @IsNormalized()
  @IsModelNameOrId()
  model_name: string;

  /**
   * Library that trains; another one than that of the model's earlier versions will do.
   * @example sklearn
   */
  @IsIn(TRAINABLE_FRAMEWORKS)
  framework: TrainableFramework;

  /**
   * What to predict: a class or a number. Without it the model's own type, or what the target column looks like.
   * @example classification
   */
  @IsOptional()
  @IsIn(MODEL_TYPES)
  model_type?: ModelType;

  /** The data. */
  @IsObject()
  @ValidateNested()
  @Type(() => DataConfigDto)
  data_config: DataConfigDto;

  /** How to train. */
  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => TrainingConfigDto)
  training_config?: TrainingConfigDto;

  /**
   * Settings of the estimator by the library's own names; `estimator` names the estimator itself.
   * @example { "n_estimators": 100, "max_depth": 10, "min_samples_split": 5 }
   */
  @IsOptional()
  @IsObject()
  hyperparameters?: Record<string, unknown>;
}
