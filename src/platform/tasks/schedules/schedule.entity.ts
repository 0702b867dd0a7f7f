import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** How a schedule was last run. */
export interface LastRun {
  /** The turn that it was for; null where a caller asked for it. */
  due_at: string | null;
  ran_at: string;
  outcome: 'submitted' | 'failed';
  /** Whether it stands for one or more turns at which nothing ran. */
  made_up: boolean;
  job_id: string | null;
  error: { code: string; message: string } | null;
}

/** What a tenant has submitted at certain times. */
@Entity('schedules')
@Unique('schedules_tenant_id_id_key', ['tenantId', 'id'])
@Index('schedules_due_idx', ['nextRunAt'])
@Check('schedules_enabled_check', 'enabled = (next_run_at is not null)')
export class Schedule {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'schedules_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('text')
  name: string;

  /** What it submits. */
  @Column('text')
  kind: string;

  /** The body that the kind's POST takes, as the caller wrote it: it is read anew each time. */
  @Column('jsonb')
  request: Record<string, unknown>;

  @Column('text')
  cron: string;

  @Column('text')
  timeZone: string;

  @Column('boolean')
  enabled: boolean;

  /** Its next turn, or one that is due; null while it is not enabled. */
  @Column('timestamptz', { nullable: true })
  nextRunAt: Date | null;

  @Column('jsonb', { nullable: true })
  lastRun: LastRun | null;

  /** The subject as which it submits. */
  @Column('text')
  createdBy: string;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  /** Runs do not change it. */
  @Column('timestamptz', { default: () => 'now()' })
  updatedAt: Date;
}
