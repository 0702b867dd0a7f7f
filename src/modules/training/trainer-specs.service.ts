import { Injectable } from '@nestjs/common';
import { TrainingConfig } from '../../config/index.js';
import { JobKinds } from '../../platform/jobs/job-kinds.js';
import type { TrainingFiles, TrainingInput } from './training-data.service.js';
import { TRAINING } from './training-job.js';
import type { TrainingSpec } from './training-spec.dto.js';

/** What the trainer is told of a training or a validation: contracts/training-spec.v1.schema.json. */
@Injectable()
export class TrainerSpecsService {
  constructor(
    private readonly config: TrainingConfig,
    private readonly kinds: JobKinds,
  ) {}

  /**
   * @param outputUri folder for what is made; undefined where nothing is written
   * @param memoryBytes of the process, where that is not one that trains
   */
  make(
    spec: TrainingSpec,
    { train, validation, join }: TrainingInput,
    outputUri?: string,
    memoryBytes?: number,
  ): object {
    const { framework, estimator, model_type, hyperparameters, data_config, training_config } = spec;
    const filesOf = ({ format, files }: TrainingFiles) => ({ format, uris: files.map(({ uri }) => uri) });
    const trainingBytes = this.kinds.limitsOf(TRAINING).memoryBytes;
    return {
      ...(outputUri !== undefined && { output_uri: outputUri }),
      framework,
      estimator,
      model_type: model_type ?? null,
      hyperparameters,
      data: {
        train: filesOf(train),
        validation: validation && filesOf(validation),
        ...(join && { features: join.spec }),
        target_column: data_config.target_column,
        feature_columns: data_config.feature_columns ?? null,
        exclude_columns: data_config.exclude_columns ?? [],
        feature_types: data_config.feature_types ?? {},
        validation_share: data_config.validation_share ?? null,
        batch_size: data_config.batch_size ?? null,
      },
      training: {
        strategy: training_config.strategy ?? null,
        num_workers: training_config.num_workers ?? null,
        use_gpu: training_config.use_gpu ?? null,
        epochs: training_config.epochs ?? null,
        learning_rate: training_config.learning_rate ?? null,
        early_stopping: training_config.early_stopping ?? null,
        patience: training_config.patience ?? null,
        seed: training_config.seed,
        calibration: training_config.calibration ?? null,
        importance: training_config.importance ?? 'permutation',
        importance_seconds: training_config.importance_seconds ?? 10,
      },
      limits: {
        memory_bytes: memoryBytes ?? trainingBytes,
        training_memory_bytes: trainingBytes,
        max_features: this.config.maxFeatures,
      },
    };
  }
}
