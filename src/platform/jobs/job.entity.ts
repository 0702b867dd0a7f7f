import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

export const JOB_STATUSES = ['submitted', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/**
 * One piece of long-running work: the truth about it, whatever a queue believes. What the spec, the progress and the
 * result hold is known to the job's kind (`JobKind.read`), and to nobody who has only the row.
 */
@Entity('jobs')
@Unique('jobs_tenant_id_id_key', ['tenantId', 'id'])
@Index('jobs_list_idx', ['tenantId', 'kind', 'id'])
@Index('jobs_status_idx', ['kind', 'status'])
@Index('jobs_turn_idx', ['kind', 'tenantId', 'claimedAt'])
@Index('jobs_ended_idx', ['kind', 'endedAt'])
@Index('jobs_open_idx', ['kind', 'tenantId', 'createdAt', 'id'], { where: 'ended_at IS NULL' })
@ForeignKey(() => Job, ['tenantId', 'parentId'], ['tenantId', 'id'], {
  name: 'jobs_parent_fkey',
  onDelete: 'SET NULL',
  deferrable: 'INITIALLY IMMEDIATE',
})
@Check(
  'jobs_status_check',
  `status in ('submitted', 'running', 'paused', 'succeeded', 'failed', 'cancelled')`,
)
@Check('jobs_ended_check', `(ended_at is not null) = (status in ('succeeded', 'failed', 'cancelled'))`)
export class Job<Spec = unknown, Progress = unknown, Result = unknown> {
  // Indexed by the UUID behind its prefix, which the decorator cannot say; migrations/0001-jobs.ts.
  @Index('jobs_newest_idx', { synchronize: false })
  @Index('jobs_newest_by_status_idx', { synchronize: false })
  @PrimaryColumn('text', { primaryKeyConstraintName: 'jobs_pkey' })
  id: string;

  @Column('text')
  tenantId: string;

  @Column('text')
  kind: string;

  /** The job that submitted this one: it is cancelled with it. */
  @Index('jobs_children_idx', { synchronize: false })
  @Column('text', { nullable: true })
  parentId: string | null;

  @Column('text', { default: 'submitted' })
  status: JobStatus;

  /** What the caller asked for, checked. */
  // All on expressions, which the decorator cannot say; migrations/0001, 0009 and 0010.
  @Index('jobs_batch_output_key', { synchronize: false })
  @Index('jobs_calibration_key', { synchronize: false })
  @Index('jobs_training_model_idx', { synchronize: false })
  @Index('jobs_tuning_model_idx', { synchronize: false })
  @Column('jsonb')
  spec: Spec;

  /** The body that it was submitted with, as it came, for a rerun; null where another job submitted it. */
  @Column('jsonb', { nullable: true })
  request: object | null;

  /** The job whose request this one repeats, with or without changes. */
  @Column('text', { nullable: true })
  rerunOf: string | null;

  @Column('text')
  submittedBy: string;

  /** What the API key begins with that it was submitted with; null where it was a token. */
  @Column('text', { nullable: true })
  apiKey: string | null;

  /** W3C `traceparent` of the request that submitted it. */
  @Column('text', { nullable: true })
  traceParent: string | null;

  /** CPUs that the job's own spec asks for; null: what its kind takes. */
  @Column('real', { nullable: true })
  needsCpus: number | null;

  /** Memory that the job's own spec asks for; null: what its kind takes. */
  @Column('bigint', {
    nullable: true,
    transformer: { from: (value) => value && Number(value), to: (value) => value },
  })
  needsMemoryBytes: number | null;

  /** Raised by every claim; a write that names another attempt than this changes nothing. */
  @Column('integer', { default: 0 })
  attempt: number;

  /** Attempts that do not count against the most that a job may have: a worker shut down, the job was paused or gave way. */
  @Column('integer', { default: 0 })
  uncountedAttempts: number;

  /** What ended the process of the last attempt, where that was the job's own doing: the `cause` of its crash. */
  @Column('text', { nullable: true })
  crashedBy: string | null;

  @Column('timestamptz', { nullable: true })
  leaseUntil: Date | null;

  @Column('timestamptz', { nullable: true })
  claimedAt: Date | null;

  @Column('text', { nullable: true })
  worker: string | null;

  @Column('timestamptz', { nullable: true })
  cancelRequestedAt: Date | null;

  @Column('timestamptz', { nullable: true })
  pauseRequestedAt: Date | null;

  @Column('text')
  engine: string;

  @Column('text', { nullable: true })
  engineJobId: string | null;

  @Column('jsonb', { nullable: true })
  progress: Progress | null;

  @Column('jsonb', { default: {} })
  metrics: Record<string, number | null>;

  @Column('jsonb', { default: {} })
  resources: { workers?: number; gpus?: number };

  @Column('jsonb', { default: [] })
  warnings: string[];

  @Column('jsonb', { nullable: true })
  result: Result | null;

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

  /**
   * No column: where a submitted job stood among those of its tenant and kind as it was read, 1 for the next to begin;
   * else undefined.
   */
  queuePosition?: number;
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
