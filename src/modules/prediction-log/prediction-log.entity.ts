import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Model } from '../models/model.entity.js';
import type { LoggedBatchBody } from './prediction-log.dto.js';

/** One answered request. Partitioned by day, by the time inside its id, which is also the time of the request. */
@Entity('prediction_log')
@Index('prediction_log_model_idx', ['tenantId', 'modelId', 'requestId'])
export class LoggedPrediction {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'prediction_log_pkey' })
  tenantId: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'prediction_log_pkey' })
  requestId: string;

  @Column('uuid')
  modelId: string;

  @Column('text')
  version: string;

  @Column('integer')
  rowCount: number;

  @Column('double precision')
  latencyMs: number;

  /** Not jsonb: any text that JSON allows can be kept, as it came, and nothing looks inside. null for a batch. */
  @Column('json')
  features: object | null;

  /** null for a batch. */
  @Column('json')
  output: LoggedOutput | null;

  /** Where the output of a batch lies; null for every other request. */
  @Column('json', { nullable: true })
  batch: LoggedBatchBody | null;

  /** Id of the deployment whose traffic rules chose the version; null where none did. */
  @Column('text', { nullable: true })
  deployment: string | null;

  /** Name of the deployment's arm that answered. */
  @Column('text', { nullable: true })
  arm: string | null;

  /** True where the answer was computed beside another one and nobody was given it; else null. */
  @Column('boolean', { nullable: true })
  shadow: true | null;

  /** What an ensemble's answer was made of; null for every other answer. */
  @Column('json', { nullable: true })
  ensemble: object | null;

  /** Keys of the entities whose features were looked up: an object, or a list of them, as `features`. */
  @Column('json', { nullable: true })
  entityKeys: object | null;
}

export interface LoggedOutput {
  prediction: (string | number | boolean)[];
  confidence?: number | number[];
  probabilities?: number[][];
  classes?: (string | number | boolean)[];
}

/** What a model says of the log of its predictions; null where it says nothing. */
@Entity('prediction_log_settings')
@ForeignKey(() => Model, ['tenantId', 'modelId'], ['tenantId', 'id'], {
  name: 'prediction_log_settings_model_fkey',
  onDelete: 'CASCADE',
})
@Check('prediction_log_settings_sample_rate_check', 'sample_rate between 0 and 1')
@Check('prediction_log_settings_retention_days_check', 'retention_days between 1 and 3650')
export class LogSettings {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'prediction_log_settings_pkey' })
  tenantId: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'prediction_log_settings_pkey' })
  modelId: string;

  @Column('double precision', { nullable: true })
  sampleRate: number | null;

  @Column('integer', { nullable: true })
  retentionDays: number | null;

  @Column('jsonb', { default: [] })
  redactedFeatures: string[];
}
