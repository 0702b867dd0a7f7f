import type { MetaModel, RankScale, SignatureDefinition } from '#libs/inference';
import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';
import { Job } from '../../platform/jobs/job.entity.js';
import type { Stage } from './stage.js';

export const MODEL_TYPES = ['classification', 'regression'] as const;
export type ModelType = (typeof MODEL_TYPES)[number];

/** What a model's file can be made with. */
export const FILE_FRAMEWORKS = ['sklearn', 'xgboost', 'lightgbm', 'onnx', 'tensorflow'] as const;

/** An ensemble has no file: its versions name other models. */
export const FRAMEWORKS = [...FILE_FRAMEWORKS, 'ensemble'] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** How a version came to answer: by a job of ours, by a file from elsewhere, or by naming the members of an ensemble. */
export const ORIGINS = ['trained', 'uploaded', 'combined'] as const;
export type Origin = (typeof ORIGINS)[number];

/** Digest and size of a file of a version. */
export type FileInfo = Pick<VersionFile, 'sha256' | 'size'>;

/** What a version that is filled is made of, by name of the file. */
export interface VersionFiles {
  /** The graph that callers download. */
  readonly model: FileInfo;
  /** The same graph without its encoding, which answers faster: `core` of the signature says how it is fed. */
  readonly core?: FileInfo;
  /** What each column of the training data looked like, for monitoring. */
  readonly baseline?: FileInfo;
  /** Rows of the training data that explanations compare with. */
  readonly background?: FileInfo;
  /** The model card as JSON. */
  readonly card?: FileInfo;
  /** The model card as Markdown. */
  readonly card_markdown?: FileInfo;
}

export type VersionFileName = keyof VersionFiles;

export const ENSEMBLE_METHODS = ['voting_soft', 'voting_hard', 'averaging', 'rank', 'stacking'] as const;
export type EnsembleMethod = (typeof ENSEMBLE_METHODS)[number];

/** How a labelled table says how members count: by weights, or by a meta model over their answers. */
export const LEARNING_METHODS = ['greedy', 'stacking'] as const;
export type LearningMethod = (typeof LEARNING_METHODS)[number];

export const ENSEMBLE_STRATEGIES = ['all', 'cascade'] as const;
export type EnsembleStrategy = (typeof ENSEMBLE_STRATEGIES)[number];

/** A model that an ensemble asks. */
export interface EnsembleMember {
  readonly model_id: string;
  /** Exactly this version; null where the member follows its model. */
  readonly version: string | null;
  /** The stage whose newest version answers; null for a version, or for the one that answers by default. */
  readonly stage: Stage | null;
  /** Finite and not negative, of any scale. */
  readonly weight: number;
  /** For all tries together. */
  readonly timeout_ms: number;
  /** How often it is asked again where it could not answer for a moment. */
  readonly retries: number;
  /** Whether there is no answer without its. */
  readonly required: boolean;
  /** Of rank: where answers of this version stand. */
  readonly rank_scale?: RankScale & { readonly version: string };
}

/** What names a member of an ensemble, as callers name a model: by its id, or by id@stage. */
export function memberReference({ model_id, stage }: Pick<EnsembleMember, 'model_id' | 'stage'>): string {
  return stage ? `${model_id}@${stage}` : model_id;
}

/** What a version of an ensemble is: its `parameters`. */
export interface EnsembleDefinition {
  readonly method: EnsembleMethod;
  readonly members: readonly EnsembleMember[];
  /** Whether members are asked all at once rather than one after the other. */
  readonly parallel_inference: boolean;
  /** Whether there is no answer as soon as one member has none. */
  readonly fail_on_partial: boolean;
  readonly min_models_required: number;
  readonly strategy: EnsembleStrategy;
  /** Of a cascade: the confidence at which no further member is asked. */
  readonly threshold: number | null;
  /** Of stacking, once a table has taught it. */
  readonly meta?: MetaModel;
}

/** How a member answered the labelled table by which an ensemble was learned. */
export interface EvaluatedMember {
  readonly model_id: string;
  /** The version that answered. */
  readonly version: string;
  /** null of stacking. */
  readonly weight: number | null;
  readonly loss: number;
  /** Of the ensemble without it; null where no other member has a weight. */
  readonly loss_without: number | null;
  readonly milliseconds_per_1000_rows: number;
  /** Whether it was trained on some of the table's files. */
  readonly has_seen_rows: boolean;
  /** Whether models answered for it that were trained alike without the rows. */
  readonly is_out_of_fold: boolean;
}

/** What a labelled table told of an ensemble that was learned by it. */
export interface EnsembleEvaluation {
  readonly rows: number;
  /** What each loss is: the mean over the rows. */
  readonly metric: 'log_loss' | 'squared_error';
  readonly loss: number;
  readonly loss_of_equal_weights: number;
  readonly members: readonly EvaluatedMember[];
}

/** `data` of a version of an ensemble that was learned by a table. */
export interface FittedData {
  readonly validation_path: string;
  readonly target_column: string;
  /** Under the name that trainings use: the version has seen these rows. */
  readonly train_files: readonly { readonly uri: string; readonly size_bytes: number }[];
  readonly method: LearningMethod;
  /** Of greedy. */
  readonly rounds?: number;
  readonly folds: number;
  readonly evaluation: EnsembleEvaluation;
}

/** How much a model depends on each feature; contracts/job-event.v1.schema.json. */
export interface Importance {
  method: string;
  metric: string;
  loss: number | null;
  rows: number;
  repeats: number;
  seed: number;
  left_out: { features: number; repeats: number; rows: number };
  features: { name: string; mean: number | null; std: number | null }[];
}

@Entity('models')
@Unique('models_tenant_id_id_key', ['tenantId', 'id'])
@Unique('models_tenant_id_name_key', ['tenantId', 'name'])
@Check('models_model_type_check', `model_type in ('classification', 'regression')`)
@Check(
  'models_framework_check',
  `framework in ('sklearn', 'xgboost', 'lightgbm', 'onnx', 'tensorflow', 'ensemble')`,
)
export class Model {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'models_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('text')
  name: string;

  @Column('text', { default: '' })
  description: string;

  @Column('text')
  modelType: ModelType;

  /** That of the version which the model shows as its own; `ModelsRepository.noteChange` keeps it so. */
  @Column('text')
  framework: Framework;

  @Column('jsonb', { default: {} })
  @Index('models_tags_idx', { synchronize: false })
  tags: Record<string, string>;

  /** Once a version has been in production, no other answers in its place without being asked for. */
  @Column('boolean', { default: false })
  hadProduction: boolean;

  /** Revision of the last change of what the model answers with; see `Changes`. */
  @Column('bigint', { default: 0 })
  revision: string;

  @Column('text')
  createdBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { default: () => 'now()' })
  updatedAt: Date;
}

/** One artifact of a model and all that is known of it. Filled once, never changed but for its stage. */
@Entity('model_versions')
@Unique('model_versions_tenant_id_id_key', ['tenantId', 'id'])
@Unique('model_versions_number_key', ['tenantId', 'modelId', 'major', 'minor', 'patch'])
@Index('model_versions_job_idx', ['tenantId', 'jobId'])
@Index('model_versions_one_production_idx', ['tenantId', 'modelId'], {
  unique: true,
  where: `stage = 'production'`,
})
@ForeignKey(() => Model, ['tenantId', 'modelId'], ['tenantId', 'id'], {
  name: 'model_versions_model_fkey',
  onDelete: 'CASCADE',
})
@ForeignKey(() => Job, ['tenantId', 'jobId'], ['tenantId', 'id'], { name: 'model_versions_job_fkey' })
@Check('model_versions_stage_check', `stage in ('development', 'staging', 'production', 'archived')`)
@Check(
  'model_versions_filled_check',
  `(signature is null) = (filled_at is null) and (filled_at is not null or stage = 'development')`,
)
@Check('model_versions_origin_check', `origin in ('trained', 'uploaded', 'combined')`)
@Check('model_versions_combined_check', `origin <> 'combined' or framework = 'ensemble'`)
@Check(
  'model_versions_framework_check',
  `framework in ('sklearn', 'xgboost', 'lightgbm', 'onnx', 'tensorflow', 'ensemble')`,
)
export class ModelVersion {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'model_versions_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('uuid')
  modelId: string;

  @Column('integer')
  major: number;

  @Column('integer')
  minor: number;

  @Column('integer')
  patch: number;

  @Column('text', { default: 'development' })
  stage: Stage;

  /** Only what our trainer made runs inside the API process. */
  @Column('text', { default: 'trained' })
  origin: Origin;

  /** What made its artifact; of an empty version what the model was registered with. */
  @Column('text')
  framework: Framework;

  /** Version of that library, where our trainer used it. */
  @Column('text', { nullable: true })
  frameworkVersion: string | null;

  @Column('jsonb', { nullable: true })
  importance: Importance | null;

  @Column('jsonb', { nullable: true })
  signature: SignatureDefinition | null;

  @Column('jsonb', { default: {} })
  metrics: Record<string, number | null>;

  /** Every setting of its training; of an ensemble its `EnsembleDefinition`. */
  @Column('jsonb', { default: {} })
  @Index('model_versions_members_idx', { synchronize: false })
  parameters: Record<string, unknown>;

  /** What it was trained on: paths, files, rows, split; of a study also its trial. */
  @Index('model_versions_job_key', { synchronize: false })
  @Index('model_versions_feature_service_idx', { synchronize: false })
  @Column('jsonb', { default: {} })
  data: Record<string, unknown>;

  @Column('text', { nullable: true })
  jobId: string | null;

  @Column('text')
  createdBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  /** Set exactly if there is a model file, or members; a trigger of the database sees to it. */
  @Column('timestamptz', { nullable: true })
  filledAt: Date | null;
}

/** A file of a version: `s3://modelplane/<tenant>/artifacts/<sha256>`. Versions may share it. */
@Entity('version_files')
@Index('version_files_sha256_idx', ['tenantId', 'sha256'])
@ForeignKey(() => ModelVersion, ['tenantId', 'versionId'], ['tenantId', 'id'], {
  name: 'version_files_version_fkey',
  onDelete: 'CASCADE',
})
@Check(
  'version_files_name_check',
  `name in ('model', 'core', 'baseline', 'background', 'card', 'card_markdown')`,
)
@Check('version_files_sha256_check', `sha256 ~ '^[0-9a-f]{64}$'`)
@Check('version_files_size_check', 'size > 0')
export class VersionFile {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'version_files_pkey' })
  tenantId: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'version_files_pkey' })
  versionId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'version_files_pkey' })
  name: VersionFileName;

  /** Lower-case hex. */
  @Column('text')
  sha256: string;

  /** Bytes. */
  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } })
  size: number;
}

/** A version went from one stage to another. */
@Entity('stage_changes')
@Unique('stage_changes_tenant_id_id_key', ['tenantId', 'id'])
@Index('stage_changes_model_idx', ['tenantId', 'modelId', 'id'])
@ForeignKey(() => Model, ['tenantId', 'modelId'], ['tenantId', 'id'], {
  name: 'stage_changes_model_fkey',
  onDelete: 'CASCADE',
})
export class StageChange {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'stage_changes_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('uuid')
  modelId: string;

  @Column('text')
  version: string;

  @Column('text')
  fromStage: Stage;

  @Column('text')
  toStage: Stage;

  @Column('text', { default: '' })
  reason: string;

  @Column('text')
  changedBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  changedAt: Date;
}
