import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { FeatureViewRow } from '../definitions/definition.entity.js';
import type { JsonValue } from '../definitions/definitions.js';

/**
 * A row that was pushed and is in no file yet: the transaction that writes its file into `feature_files` deletes it.
 * Of one entity, event time and created time there is one row.
 */
@Entity('feature_pushed_rows')
@ForeignKey(() => FeatureViewRow, ['tenantId', 'view', 'version'], ['tenantId', 'name', 'version'], {
  name: 'feature_pushed_rows_view_fkey',
  onDelete: 'CASCADE',
})
export class PushedRow {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_pushed_rows_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_pushed_rows_pkey' })
  view: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'feature_pushed_rows_pkey' })
  version: number;

  /** Entity key text. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'feature_pushed_rows_pkey' })
  entityKey: string;

  /** Microseconds since 1970. */
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'feature_pushed_rows_pkey' })
  eventUs: string;

  /** Microseconds since 1970; the least int64 where the row has none. */
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'feature_pushed_rows_pkey' })
  createdUs: string;

  /** Keys, features or columns of the source by their names. */
  @Column('jsonb')
  values: Record<string, JsonValue>;

  @Column('timestamptz', { default: () => 'now()' })
  pushedAt: Date;
}
