import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/**
 * What is counted: objects that tenants wrote, artifacts of versions, days of the prediction log, room for what is being
 * written, and URLs by which somebody may write. Triggers of version_files and prediction_log write their kinds.
 */
export const STORED_KINDS = ['object', 'artifact', 'log', 'reservation', 'presigned'] as const;
export type StoredKind = (typeof STORED_KINDS)[number];

/** One thing that a tenant keeps, and its bytes. */
@Entity('stored_items')
@Index('stored_items_object_key', ['name'], { unique: true, where: `kind = 'object'` })
@Index('stored_items_until_idx', ['until'], { where: 'until IS NOT NULL' })
@Check('stored_items_kind_check', `kind in ('object', 'artifact', 'log', 'reservation', 'presigned')`)
@Check('stored_items_bytes_check', 'bytes >= 0')
@Check('stored_items_until_check', `(until is not null) = (kind in ('reservation', 'presigned'))`)
export class StoredItem {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'stored_items_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'stored_items_pkey' })
  kind: StoredKind;

  /** URI of an object, SHA-256 of an artifact, day of the log as YYYYMMDD, id of a reservation or presigned URL. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'stored_items_pkey' })
  name: string;

  @Column('bigint')
  bytes: string;

  /** URI of the object that a reservation or a presigned URL is for. */
  @Column('text', { nullable: true })
  target: string | null;

  /** End of a reservation that nobody prolongs, or of a presigned URL. */
  @Column('timestamptz', { nullable: true })
  until: Date | null;
}

/** Sum of a tenant's items of one kind; triggers of stored_items keep it. */
@Entity('stored_bytes')
export class StoredBytes {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'stored_bytes_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'stored_bytes_pkey' })
  kind: StoredKind;

  @Column('bigint')
  bytes: string;
}
