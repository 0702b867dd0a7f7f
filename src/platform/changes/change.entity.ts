import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One row: the number of changes so far of what servers keep in memory. */
@Entity('catalog_revision')
@Check('catalog_revision_single_row_check', 'id = 1')
export class CatalogRevision {
  @PrimaryColumn('smallint', { primaryKeyConstraintName: 'catalog_revision_pkey', default: 1 })
  id: number;

  @Column('bigint', { default: 0 })
  revision: string;

  /** The highest revision whose row of `changes` has been deleted for its age. */
  @Column('bigint', { default: 0 })
  prunedTo: string;
}

/** The last change of one thing. The row outlives the thing, so that its deletion is noticed too. */
@Entity('changes')
export class Change {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'changes_pkey' })
  tenantId: string;

  /** What has changed, such as a model. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'changes_pkey' })
  kind: string;

  /** Which one of its kind. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'changes_pkey' })
  key: string;

  @Column('bigint')
  @Index('changes_revision_idx')
  revision: string;

  @Column('timestamptz')
  changedAt: Date;
}
