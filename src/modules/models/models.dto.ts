import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsNotEmpty, IsString, Matches, MaxLength } from 'class-validator';
import { IsNormalized } from '../../platform/http/is-normalized.decorator.js';
import { MayBeAbsent } from '../../platform/http/may-be-absent.decorator.js';
import { OptionalBody } from '../../platform/http/optional-body.decorator.js';
import { PageInfo, PageQuery } from '../../platform/http/page.js';
import { ImportanceBody } from './importance.dto.js';
import { FILE_FRAMEWORKS, type Framework, FRAMEWORKS, MODEL_TYPES, type ModelType } from './model.entity.js';
import { IsModelName, IsModelNameOrId } from './model-name.js';
import { type Stage, STAGES } from './stage.js';
import { IsTags } from './tags.js';

export { IsModelName, IsModelNameOrId, IsTags };

export class RegisterModelDto {
  /**
   * Name, unique within the tenant.
   * @example customer_churn_predictor
   */
  @IsString()
  @IsModelName()
  @IsNormalized()
  name: string;

  /**
   * What the model is for.
   * @example Predicts customer churn probability
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(4000)
  description?: string;

  /**
   * What it predicts: a class or a number.
   * @example classification
   */
  @IsIn(MODEL_TYPES)
  model_type: ModelType;

  /**
   * What makes its first version; later ones may be made by another. Ensembles have routes of their own.
   * @example sklearn
   */
  @IsIn(FILE_FRAMEWORKS)
  framework: Framework;

  /**
   * Up to 64 names and values to find it by.
   * @example { "team": "customer-analytics", "use_case": "churn" }
   */
  @MayBeAbsent()
  @IsTags()
  tags?: Record<string, string>;
}

export class UpdateModelDto {
  /**
   * What the model is for.
   * @example Predicts churn within 30 days
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(4000)
  description?: string;

  /**
   * Replaces all tags.
   * @example { "team": "growth" }
   */
  @MayBeAbsent()
  @IsTags()
  tags?: Record<string, string>;
}

export class ListModelsQuery extends PageQuery {
  /**
   * Only models that have a version in this stage.
   * @example production
   */
  @MayBeAbsent()
  @IsIn(STAGES)
  stage?: Stage;

  /**
   * Only models of which the version that answers by default is of this framework.
   * @example sklearn
   */
  @MayBeAbsent()
  @IsIn(FRAMEWORKS)
  framework?: Framework;

  /**
   * Only the model of this name.
   * @example customer_churn_predictor
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(128)
  name?: string;

  /**
   * Only models with this tag, written name:value.
   * @example team:customer-analytics
   */
  @MayBeAbsent()
  @IsString()
  @Matches(/^[^:]+:/, { message: 'tag must look like name:value' })
  @MaxLength(400)
  tag?: string;
}

export class MoveStageDto {
  /**
   * The version to move.
   * @example 1.2.0
   */
  @IsString()
  @IsNotEmpty()
  @MaxLength(32)
  version: string;

  /**
   * Where to: development to staging to production to archived; back from staging to development, from production
   * to staging, from archived to development. The version in production so far is archived.
   * @example production
   */
  @IsIn(STAGES)
  target_stage: Stage;

  /**
   * Why, for the history.
   * @example better recall on new customers
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(1000)
  reason?: string;
}

@OptionalBody()
export class RollBackDto {
  /**
   * Why, for the history; without it that says which version was rolled back.
   * @example drop in precision since noon
   */
  @MayBeAbsent()
  @IsString()
  @MaxLength(1000)
  reason?: string;
}

export class ModelBody {
  /**
   * Id of the model.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * Name, unique within the tenant.
   * @example customer_churn_predictor
   */
  name: string;

  /**
   * Tenant that owns it.
   * @example acme-corp
   */
  tenant_id: string;

  /**
   * What the model is for.
   * @example "Predicts customer churn probability"
   */
  description: string;

  /**
   * What it predicts: classification or regression.
   * @example classification
   */
  model_type: string;

  /**
   * What made the version that is shown here.
   * @example sklearn
   */
  framework: string;

  /**
   * Names and values to find it by.
   * @example { "team": "customer-analytics" }
   */
  tags: Record<string, string>;

  /**
   * The version that answers a prediction that names the model as it is named here, and no version; where none does,
   * the first.
   * @example 1.2.0
   */
  current_version: string;

  /**
   * Stage of that version.
   * @example production
   */
  stage: string;

  /**
   * When it was registered, UTC.
   * @example 2026-02-12T10:00:00.000Z
   */
  created_at: string;

  /**
   * When its description, tags or versions last changed, UTC.
   * @example 2026-02-12T10:05:00.000Z
   */
  updated_at: string;
}

export class ModelPage {
  /** Models, newest first. */
  @Type(() => ModelBody)
  data: ModelBody[];

  /** Where the page stands. */
  page: PageInfo;
}

export class LineageBody {
  /**
   * Job that made it; null for the empty first version and for an upload.
   * @example train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e
   */
  job_id: string | null;

  /**
   * What it was trained on: paths, files, rows, columns, split.
   * @example { "train_path": "s3://data/train.parquet", "rows_train": 5634, "rows_validation": 1409 }
   */
  data: Record<string, unknown>;
}

export class ArtifactBody {
  /**
   * Size in bytes.
   * @example 183204
   */
  size_bytes: number;

  /**
   * SHA-256 of the ONNX file.
   * @example 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
   */
  sha256: string;
}

export class VersionSummaryBody {
  /**
   * Number of the version.
   * @example 1.2.0
   */
  version: string;

  /**
   * Its stage.
   * @example staging
   */
  stage: string;

  /**
   * What made it; while it has no artifact, what the model was registered with.
   * @example sklearn
   */
  framework: string;

  /**
   * Version of that library; null where it was not trained here.
   * @example 1.9.1
   */
  framework_version: string | null;

  /**
   * Whether it has an artifact and can answer.
   * @example true
   */
  ready: boolean;

  /**
   * Metrics of training, by name, none for an upload; `val_` are of data it was not trained on.
   * @example { "val_roc_auc": 0.841, "val_accuracy": 0.801 }
   */
  metrics: Record<string, number | null>;

  /** Its ONNX file; null while it has none. */
  artifact: ArtifactBody | null;

  /**
   * When the version was opened, UTC.
   * @example 2026-02-12T10:04:00.000Z
   */
  created_at: string;
}

export class VersionBody extends VersionSummaryBody {
  /**
   * Model it belongs to.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  model_id: string;

  /**
   * How it came about: `trained` by a job here, `uploaded`, or `combined` of other models; null while it has no artifact.
   * @example trained
   */
  origin: string | null;

  /**
   * Features it takes and what it answers; null while it has no artifact.
   * @example { "signature_version": 1, "target": "churned", "inputs": [{ "name": "total_orders", "type": "integer" }] }
   */
  signature: Record<string, unknown> | null;

  /**
   * Every setting that it was trained with; of an ensemble its members and how it asks them.
   * @example { "estimator": "random_forest", "n_estimators": 100, "max_depth": 10 }
   */
  parameters: Record<string, unknown>;

  @ApiProperty({
    description:
      'Probability from which on the second of two classes is answered; null: the more probable class is.',
    type: 'number',
    nullable: true,
    example: null,
  })
  threshold: number | null;

  /** How much it depends on each feature; null where it was not measured. */
  importance: ImportanceBody | null;

  /** Where it comes from. */
  lineage: LineageBody;

  /**
   * Who made it.
   * @example ana@acme-corp.example
   */
  created_by: string;
}

export class VersionPage {
  /** Versions, newest first. */
  data: VersionSummaryBody[];

  /** Where the page stands. */
  page: PageInfo;
}

export class StageChangeBody {
  /**
   * Version that moved.
   * @example 1.2.0
   */
  version: string;

  /**
   * Stage it left.
   * @example staging
   */
  from_stage: string;

  /**
   * Stage it entered.
   * @example production
   */
  to_stage: string;

  /**
   * Why.
   * @example "better recall on new customers"
   */
  reason: string;

  /**
   * Who moved it.
   * @example ana@acme-corp.example
   */
  changed_by: string;

  /**
   * When, UTC.
   * @example 2026-02-12T10:05:00.000Z
   */
  changed_at: string;
}

export class HistoryPage {
  /** Moves, newest first. */
  data: StageChangeBody[];

  /** Where the page stands. */
  page: PageInfo;
}
