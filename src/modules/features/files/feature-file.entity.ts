import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';
import { FeatureViewRow } from '../definitions/definition.entity.js';
import type { KeyColumn } from '../definitions/definitions.js';

export const FEATURE_FILE_KINDS = ['pushed', 'quarantine', 'training_set'] as const;
export type FeatureFileKind = (typeof FEATURE_FILE_KINDS)[number];

/**
 * An object that the platform wrote and that holds features: pushed rows in `s3://modelplane/<tenant>/features/`, the
 * others where callers read them.
 */
@Entity('feature_files')
@Unique('feature_files_tenant_id_id_key', ['tenantId', 'id'])
@Unique('feature_files_uri_key', ['tenantId', 'uri'])
@Index('feature_files_view_idx', ['tenantId', 'view', 'version', 'kind', 'id'])
@Index('feature_files_job_idx', ['tenantId', 'jobId'])
@ForeignKey(() => FeatureViewRow, ['tenantId', 'view', 'version'], ['tenantId', 'name', 'version'], {
  name: 'feature_files_view_fkey',
  onDelete: 'SET NULL',
})
@Check('feature_files_kind_check', `kind in ('pushed', 'quarantine', 'training_set')`)
@Check('feature_files_format_check', `format in ('parquet', 'json_lines')`)
@Check('feature_files_sha256_check', `sha256 ~ '^[0-9a-f]{64}$'`)
export class FeatureFile {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'feature_files_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('text')
  kind: FeatureFileKind;

  @Column('text')
  uri: string;

  @Column('text')
  format: 'parquet' | 'json_lines';

  /** The view whose rows it holds; null of a training set, which joins several, and of a deleted view. */
  @Column('text', { nullable: true })
  view: string | null;

  @Column('integer', { nullable: true })
  version: number | null;

  /** Names of the entities of these views. */
  @Index('feature_files_entities_idx', { synchronize: false })
  @Column('jsonb')
  entities: string[];

  /** Its columns that tell whose a row is, under their names in the file. */
  @Column('jsonb')
  keyColumns: KeyColumn[];

  /** The job that wrote it, whose row may be gone by now. */
  @Column('text')
  jobId: string;

  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } })
  rows: number;

  @Column('bigint', { transformer: { from: Number, to: (value: number) => value } })
  sizeBytes: number;

  /** Lower-case hex, of the whole file. */
  @Column('text')
  sha256: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;
}
