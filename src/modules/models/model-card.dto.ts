import { ApiProperty } from '@nestjs/swagger';
import { ImportanceBody } from './importance.dto.js';

export class CardMemberBody {
  /**
   * Model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  @ApiProperty({
    description: 'Its name; null where there is no such model any more.',
    type: String,
    nullable: true,
    example: 'customer_churn',
  })
  model_name: string | null;

  @ApiProperty({
    description: 'The version that is asked for good; null where the member follows its model or a stage.',
    type: String,
    nullable: true,
    example: null,
  })
  version: string | null;

  @ApiProperty({
    description: 'The stage that is followed, if any.',
    type: String,
    nullable: true,
    example: null,
  })
  stage: string | null;

  @ApiProperty({
    description: 'The version that answers now; null where none does.',
    type: String,
    nullable: true,
    example: '1.2.0',
  })
  answering_version: string | null;

  @ApiProperty({
    description: 'Its weight; null where the method has none.',
    type: Number,
    nullable: true,
    example: 0.4,
  })
  weight: number | null;
}

export class ModelCardBody {
  /**
   * Model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Name of the model.
   * @example customer_churn_predictor
   */
  model_name: string;

  /**
   * Version that the card is of.
   * @example 1.2.0
   */
  version: string;

  /**
   * Its stage.
   * @example production
   */
  stage: string;

  /**
   * Who made it.
   * @example ana@acme-corp.example
   */
  created_by: string;

  /**
   * When, UTC.
   * @example 2026-02-12T10:04:00.000Z
   */
  created_at: string;

  /**
   * Version of the card's own form.
   * @example 1
   */
  card_version: number;

  /**
   * Framework, estimator, model type, calibration and format.
   * @example { "framework": "sklearn", "estimator": "extra_trees", "model_type": "classification", "calibration": null, "format": "onnx" }
   */
  model: Record<string, unknown>;

  /**
   * Column that is predicted, and its classes.
   * @example { "name": "churned", "labels": [0, 1] }
   */
  target: Record<string, unknown>;

  /**
   * Rows, split, features with their types and missing shares, and the columns left out with the reason.
   * @example { "rows_train": 5634, "rows_validation": 1409, "rows_dropped": 0, "features": [{ "name": "total_orders", "type": "integer", "missing_share": 0 }] }
   */
  data: Record<string, unknown>;

  /**
   * Metrics of training and validation rows.
   * @example { "train_accuracy": 0.92, "val_accuracy": 0.88 }
   */
  metrics: Record<string, number | null>;

  /** How much it depends on each feature; null where it was not asked for. */
  importance: ImportanceBody | null;

  /**
   * Every setting that it was trained with.
   * @example { "estimator": "extra_trees", "n_estimators": 100 }
   */
  parameters: Record<string, unknown>;

  /**
   * What to keep in mind when using this model.
   * @example ["Only 80 validation rows: metrics on them are uncertain."]
   */
  limits: string[];

  /**
   * What the job was warned of.
   * @example ["training_config.patience has no meaning for ridge and was ignored."]
   */
  warnings: string[];

  /**
   * Job, files and versions of the libraries.
   * @example { "job_id": "train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e", "train_uris": ["s3://data/train.parquet"] }
   */
  lineage: Record<string, unknown>;

  @ApiProperty({
    description: 'Of an ensemble: the models that answer.',
    type: () => [CardMemberBody],
    required: false,
  })
  members?: CardMemberBody[];

  @ApiProperty({
    description:
      'Of an ensemble: the leaderboard of the table by which the version was learned; null where it was given.',
    type: Object,
    nullable: true,
    required: false,
    example: { rows: 1409, metric: 'log_loss', loss: 0.401, loss_of_equal_weights: 0.406, members: [] },
  })
  evaluation?: Record<string, unknown> | null;

  @ApiProperty({
    description: 'Of an ensemble: its calibration and its threshold, null each where it has none.',
    type: Object,
    required: false,
    example: { calibration: null, threshold: null },
  })
  certainty?: Record<string, unknown>;
}

/** The card of a version of an ensemble, without what the registry knows of any version. */
export type CombinedCardBody = Required<
  Omit<ModelCardBody, 'model_id' | 'model_name' | 'version' | 'stage' | 'created_by' | 'created_at'>
>;
