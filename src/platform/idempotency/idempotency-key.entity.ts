import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** What was answered to a request with an Idempotency-Key. */
@Entity('idempotency_keys')
@Index('idempotency_keys_age_idx', ['createdAt'])
export class IdempotencyKey {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'idempotency_keys_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'idempotency_keys_pkey' })
  key: string;

  /** Digest of method, path and body: the same key with another request is a mistake of the caller. */
  @Column('text')
  fingerprint: string;

  @Column('integer')
  status: number;

  /** Not jsonb, which would answer with its fields in another order. */
  @Column('json', { nullable: true })
  body: object | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;
}
