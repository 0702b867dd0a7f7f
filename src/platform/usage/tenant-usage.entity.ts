import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a tenant used on one day (UTC). */
@Entity('tenant_usage')
export class TenantUsage {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'tenant_usage_pkey' })
  tenantId: string;

  @PrimaryColumn('date', { primaryKeyConstraintName: 'tenant_usage_pkey' })
  day: string;

  /** Requests of all routes. */
  @Column('bigint', { default: 0 })
  requests: string;

  /** Rows of answered predictions, batches with them. */
  @Column('bigint', { default: 0 })
  rowCount: string;

  /** Seconds that attempts of jobs ran. */
  @Column('double precision', { default: 0 })
  jobSeconds: number;

  /** Bytes that the tenant kept when they were last looked at on this day; null before the first look. */
  @Column('bigint', { nullable: true })
  storedBytes: string | null;
}
