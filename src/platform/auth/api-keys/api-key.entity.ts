import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';
import type { Role } from '../identity.js';

/** A key by which a service signs in as a tenant. Of its text only a digest is kept. */
@Entity('api_keys')
@Unique('api_keys_tenant_id_id_key', ['tenantId', 'id'])
@Check(
  'api_keys_roles_check',
  `cardinality(roles) > 0 and roles <@ array['viewer', 'predictor', 'scientist', 'admin', 'service']`,
)
@Check('api_keys_digest_check', 'length(digest) = 32 and length(previous_digest) = 32')
@Check('api_keys_previous_check', '(previous_digest is null) = (previous_until is null)')
@Index('api_keys_usable_idx', ['tenantId'], { where: 'revoked_at IS NULL' })
export class ApiKey {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'api_keys_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  /** A note for people: two keys may have the same. */
  @Column('text')
  name: string;

  @Column('text')
  prefix: string;

  /** Of the checksum, so that they say nothing of the secret alone. */
  @Column('text')
  lastFour: string;

  @Column('text', { array: true })
  roles: Role[];

  /** SHA-256 of the key. */
  @Column('bytea')
  digest: Buffer;

  /** That of before the last rotation, which is taken until `previousUntil`. */
  @Column('bytea', { nullable: true })
  previousDigest: Buffer | null;

  @Column('timestamptz', { nullable: true })
  previousUntil: Date | null;

  @Column('text')
  createdBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { nullable: true })
  rotatedAt: Date | null;

  /** To the minute. */
  @Column('timestamptz', { nullable: true })
  lastUsedAt: Date | null;

  @Column('timestamptz', { nullable: true })
  expiresAt: Date | null;

  @Column('timestamptz', { nullable: true })
  revokedAt: Date | null;
}
