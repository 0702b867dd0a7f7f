import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import type { EventType } from './event-types.js';

/** One thing that happened. */
@Entity('outbox')
@Unique('outbox_tenant_id_id_key', ['tenantId', 'id'])
@Unique('outbox_sequence_key', ['tenantId', 'sequence'])
@Index('outbox_type_idx', ['tenantId', 'type', 'sequence'])
@Index('outbox_age_idx', ['createdAt'])
export class OutboxEvent {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'outbox_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  /** 1, 2, 3 … of the tenant, in the order of commits. Null only within the transaction that writes it. */
  @Column('bigint', { nullable: true })
  sequence: string;

  @Column('text')
  type: EventType;

  @Column('jsonb')
  data: Record<string, unknown>;

  @Column('timestamptz', { default: () => 'clock_timestamp()' })
  createdAt: Date;
}

/** The number of a tenant's newest event, which outlives the event. */
@Entity('outbox_sequences')
export class OutboxSequence {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'outbox_sequences_pkey' })
  tenantId: string;

  @Column('bigint')
  last: string;
}
