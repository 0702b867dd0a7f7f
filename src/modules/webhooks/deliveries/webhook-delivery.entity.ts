import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';
import { Webhook } from '../webhook.entity.js';

export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One event for one webhook. */
@Entity('webhook_deliveries')
@Unique('webhook_deliveries_tenant_id_id_key', ['tenantId', 'id'])
@Unique('webhook_deliveries_sequence_key', ['webhookId', 'sequence'])
@ForeignKey(() => Webhook, ['tenantId', 'webhookId'], ['tenantId', 'id'], {
  name: 'webhook_deliveries_webhook_fkey',
  onDelete: 'CASCADE',
})
@Check('webhook_deliveries_state_check', `state in ('pending', 'delivered', 'dead')`)
@Check('webhook_deliveries_ended_check', `(state = 'pending') = (ended_at is null)`)
@Index('webhook_deliveries_first_idx', ['webhookId', 'sequence'], {
  where: `((state = 'pending'::text) AND (NOT set_aside))`,
})
@Index('webhook_deliveries_aside_idx', ['webhookId', 'dueAt'], {
  where: `((state = 'pending'::text) AND set_aside)`,
})
@Index('webhook_deliveries_state_idx', ['tenantId', 'webhookId', 'state', 'id'])
@Index('webhook_deliveries_ended_idx', ['endedAt'])
export class WebhookDelivery {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhook_deliveries_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('uuid')
  webhookId: string;

  @Column('uuid')
  eventId: string;

  /** Number of the event among the tenant's. */
  @Column('bigint')
  sequence: string;

  @Column('text')
  type: string;

  /** What is sent, to the byte the same in each attempt. */
  @Column('text')
  body: string;

  @Column('text')
  state: DeliveryState;

  /** Whether later ones of its webhook no longer wait for it. */
  @Column('boolean', { default: false })
  setAside: boolean;

  @Column('integer', { default: 0 })
  attempts: number;

  /** From when on it may be tried. */
  @Column('timestamptz', { default: () => 'clock_timestamp()' })
  dueAt: Date;

  @Column('timestamptz', { nullable: true })
  firstAttemptAt: Date | null;

  @Column('timestamptz', { nullable: true })
  lastAttemptAt: Date | null;

  /** Status that the receiver answered with last; null where there was no answer. */
  @Column('integer', { nullable: true })
  lastStatus: number | null;

  /** What went wrong last, beside an answer with another status than 2xx. */
  @Column('text', { nullable: true })
  lastError: string | null;

  @Column('timestamptz', { nullable: true })
  endedAt: Date | null;

  @Column('timestamptz', { default: () => 'clock_timestamp()' })
  createdAt: Date;
}
