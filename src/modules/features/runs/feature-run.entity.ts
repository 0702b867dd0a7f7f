import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { FeatureViewRow } from '../definitions/definition.entity.js';

/** What a materialization did to one version of a view; kept when the row of its job is gone. */
@Entity('feature_runs')
@Index('feature_runs_ended_idx', ['tenantId', 'view', 'version', 'endedAt'])
@ForeignKey(() => FeatureViewRow, ['tenantId', 'view', 'version'], ['tenantId', 'name', 'version'], {
  name: 'feature_runs_view_fkey',
  onDelete: 'CASCADE',
})
export class FeatureRun {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_runs_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_runs_pkey' })
  view: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'feature_runs_pkey' })
  version: number;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_runs_pkey' })
  jobId: string;

  /** Rows behind this time were read; null: from the first. */
  @Column('timestamptz', { nullable: true })
  intervalStart: Date | null;

  /** Rows up to this time were read. */
  @Column('timestamptz')
  intervalEnd: Date;

  /** How many rows were read, written and left out. */
  @Column('jsonb')
  counts: Record<string, unknown>;

  @Column('jsonb')
  violations: { feature: string; rule: string; rows: number; share: number }[];

  /** By feature. */
  @Column('jsonb')
  statistics: Record<string, Record<string, unknown>>;

  @Column('timestamptz', { default: () => 'now()' })
  endedAt: Date;
}
