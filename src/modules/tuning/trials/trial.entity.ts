import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { Job } from '../../../platform/jobs/job.entity.js';

export const TRIAL_STATES = ['running', 'succeeded', 'pruned', 'failed'] as const;
export type TrialState = (typeof TRIAL_STATES)[number];

/** One trial of a study, as its engine told it: `trial` of contracts/job-event.v1.schema.json. */
@Entity('tuning_trials')
@ForeignKey(() => Job, ['tenantId', 'jobId'], ['tenantId', 'id'], {
  name: 'tuning_trials_job_fkey',
  onDelete: 'CASCADE',
})
@Index('tuning_trials_state_idx', ['tenantId', 'jobId', 'state', 'number'])
@Check('tuning_trials_state_check', `state in ('running', 'succeeded', 'pruned', 'failed')`)
export class TuningTrial {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'tuning_trials_pkey' })
  tenantId: string;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'tuning_trials_pkey' })
  jobId: string;

  /** From 0, in the order of the suggestions. */
  @PrimaryColumn('integer', { primaryKeyConstraintName: 'tuning_trials_pkey' })
  number: number;

  @Column('text')
  state: TrialState;

  @Column('text')
  origin: string;

  @Column('jsonb')
  parameters: Record<string, unknown>;

  /** `values` of the contract, which SQL keeps for itself: one an objective; null unless it has succeeded. */
  @Column('double precision', { array: true, nullable: true })
  objectiveValues: number[] | null;

  @Column('boolean', { nullable: true })
  feasible: boolean | null;

  @Column('jsonb')
  metrics: Record<string, number | null>;

  @Column('jsonb')
  steps: { step: number; value: number }[];

  @Column('timestamptz')
  startedAt: Date;

  @Column('timestamptz', { nullable: true })
  endedAt: Date | null;

  @Column('double precision', { nullable: true })
  durationSeconds: number | null;

  @Column('integer')
  tries: number;

  @Column('text', { nullable: true })
  reason: string | null;
}
