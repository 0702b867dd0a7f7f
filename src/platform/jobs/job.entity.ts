import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

export const JOB_STATUSES = ['submitted', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Of a training. */
export interface EpochProgress {
  current_epoch: number;
  total_epochs: number;
  current_loss: number | null;
  best_loss: number | null;
  learning_rate: number | null;
}

/** Of a batch of predictions. */
export interface RowProgress {
  rows_done: number;
  /** null where only reading would tell. */
  rows_total: number | null;
  rows_failed: number;
  rows_per_second: number;
  estimated_completion: string | null;
}

export type JobProgress = EpochProgress | RowProgress;

/** One piece of long-running work: the truth about it, whatever a queue believes. */
@Entity('jobs')
@Unique('jobs_tenant_id_id_key', ['tenantId', 'id'])
@Index('jobs_list_idx', ['tenantId', 'kind', 'id'])
@Index('jobs_status_idx', ['kind', 'status'])
@Index('jobs_turn_idx', ['kind', 'tenantId', 'claimedAt'])
@Index('jobs_ended_idx', ['kind', 'endedAt'])
@Index('jobs_open_idx', ['kind', 'tenantId'], { where: 'ended_at IS NULL' })
@Check('jobs_status_check', `status in ('submitted', 'running', 'succeeded', 'failed', 'cancelled')`)
@Check('jobs_ended_check', `(ended_at is not null) = (status in ('succeeded', 'failed', 'cancelled'))`)
export class Job {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'jobs_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('text')
  kind: string;

  @Column('text', { default: 'submitted' })
  status: JobStatus;

  /** What the caller asked for, checked. */
  // On an expression, which the decorator cannot say; migrations/0001-jobs.ts.
  @Index('jobs_batch_output_key', { synchronize: false })
  @Column('jsonb')
  spec: Record<string, unknown>;

  @Column('text')
  submittedBy: string;

  /** W3C `traceparent` of the request that submitted it. */
  @Column('text', { nullable: true })
  traceParent: string | null;

  /** Raised by every claim; a write that names another attempt than this changes nothing. */
  @Column('integer', { default: 0 })
  attempt: number;

  /** Attempts that a worker gave back unhurt when it shut down. */
  @Column('integer', { default: 0 })
  released: number;

  @Column('timestamptz', { nullable: true })
  leaseUntil: Date | null;

  @Column('timestamptz', { nullable: true })
  claimedAt: Date | null;

  @Column('text', { nullable: true })
  worker: string | null;

  @Column('timestamptz', { nullable: true })
  cancelRequestedAt: Date | null;

  @Column('text')
  engine: string;

  @Column('text', { nullable: true })
  engineJobId: string | null;

  @Column('jsonb', { nullable: true })
  progress: JobProgress | null;

  @Column('jsonb', { default: {} })
  metrics: Record<string, number | null>;

  @Column('jsonb', { default: {} })
  resources: { workers?: number; gpus?: number };

  @Column('jsonb', { default: [] })
  warnings: string[];

  @Column('jsonb', { nullable: true })
  result: Record<string, unknown> | null;

  @Column('text', { nullable: true })
  errorCode: string | null;

  @Column('text', { nullable: true })
  errorMessage: string | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { nullable: true })
  startedAt: Date | null;

  @Column('timestamptz', { default: () => 'now()' })
  updatedAt: Date;

  @Column('timestamptz', { nullable: true })
  endedAt: Date | null;
}

/** What a job's attempt said, in order. */
@Entity('job_events')
@ForeignKey(() => Job, ['tenantId', 'jobId'], ['tenantId', 'id'], {
  name: 'job_events_job_fkey',
  onDelete: 'CASCADE',
})
export class JobEvent {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'job_events_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'job_events_pkey' })
  jobId: string;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'job_events_pkey' })
  attempt: number;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'job_events_pkey' })
  seq: number;

  @Column('text')
  type: string;

  @Column('jsonb')
  data: Record<string, unknown>;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt: Date;
}
