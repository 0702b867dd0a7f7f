import { Type } from 'class-transformer';
import { IsArray, IsIn, IsObject, IsOptional, IsString, ValidateNested } from 'class-validator';
import type { ServiceFeature } from '../features/offline/feature-joins.service.js';
import { MODEL_TYPES, type ModelType } from '../models/model.entity.js';
import { TRAINABLE_FRAMEWORKS, type TrainableFramework } from './estimators.js';
import { DataConfigDto, TrainingConfigDto } from './submit-training.dto.js';

/** What answers show of the spec of a training. */
export class TrainingSummary {
  @IsString()
  model_name: string;

  @IsIn(TRAINABLE_FRAMEWORKS)
  framework: TrainableFramework;

  @IsString()
  estimator: string;

  /** null or absent: the target column decides. */
  @IsOptional()
  @IsIn(MODEL_TYPES)
  model_type?: ModelType | null;
}

/** What the row of a training keeps of its request, checked and with the choices made. */
export class TrainingSpec extends TrainingSummary {
  @IsObject()
  hyperparameters: Record<string, unknown>;

  @IsObject()
  @ValidateNested()
  @Type(() => DataConfigDto)
  data_config: DataConfigDto;

  /**
   * Features of the service that data_config names, as they were when this was submitted; references name the versions of
   * views. Absent where it names none.
   */
  @IsOptional()
  @IsArray()
  @IsObject({ each: true })
  features?: ServiceFeature[];

  @IsObject()
  @ValidateNested()
  @Type(() => TrainingConfigDto)
  training_config: TrainingConfigDto;
}
