import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** Whom a tenant has told of its events over HTTP. */
@Entity('webhooks')
@Unique('webhooks_tenant_id_id_key', ['tenantId', 'id'])
@Check('webhooks_events_check', 'cardinality(events) > 0')
@Check('webhooks_disabled_check', 'disabled_reason is null or not enabled')
@Check('webhooks_previous_check', '(previous_secret is null) = (previous_until is null)')
@Index('webhooks_enabled_idx', ['tenantId', 'position'], { where: 'enabled' })
export class Webhook {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'webhooks_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('text')
  url: string;

  @Column('text', { nullable: true })
  description: string | null;

  /** Types of events, groups of them such as `model.*`, or `*`. */
  @Column('text', { array: true })
  events: string[];

  @Column('boolean')
  enabled: boolean;

  /** Why the service disabled it; null where its tenant did, and while it is enabled. */
  @Column('text', { nullable: true })
  disabledReason: 'gone' | 'failing' | null;

  /** The signing secret, as `WebhookSecrets` encrypts it. */
  @Column('bytea')
  secret: Buffer;

  /** That of before the last rotation, with which deliveries are signed too until `previousUntil`. */
  @Column('bytea', { nullable: true })
  previousSecret: Buffer | null;

  @Column('timestamptz', { nullable: true })
  previousUntil: Date | null;

  /** Number of the last event that has become a delivery, or was none of its. */
  @Column('bigint')
  position: string;

  /** The time before which its receiver asked not to be called. */
  @Column('timestamptz', { nullable: true })
  notBefore: Date | null;

  /** The first failure since something was last delivered. */
  @Column('timestamptz', { nullable: true })
  failingSince: Date | null;

  @Column('text')
  createdBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  /** Deliveries do not change it. */
  @Column('timestamptz', { default: () => 'now()' })
  updatedAt: Date;
}
