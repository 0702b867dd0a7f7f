import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** Work that one process does for all: who holds it, and how it went. It belongs to no tenant. */
@Entity('tasks')
@Check('tasks_last_outcome_check', `last_outcome in ('succeeded', 'failed')`)
@Check('tasks_holder_check', `(holder is null) = (lease_until is null)`)
export class Task {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'tasks_pkey' })
  name: string;

  /** From when on somebody may start it. */
  @Column('timestamptz', { default: () => 'now()' })
  nextAt: Date;

  /** The process that does it now: host name and process id. */
  @Column('text', { nullable: true })
  holder: string | null;

  /** Raised by every claim; a holder that names an earlier one has lost the task. */
  @Column('integer', { default: 0 })
  attempt: number;

  @Column('timestamptz', { nullable: true })
  leaseUntil: Date | null;

  @Column('timestamptz', { nullable: true })
  lastStartedAt: Date | null;

  @Column('timestamptz', { nullable: true })
  lastEndedAt: Date | null;

  @Column('timestamptz', { nullable: true })
  lastSucceededAt: Date | null;

  @Column('text', { nullable: true })
  lastOutcome: 'succeeded' | 'failed' | null;

  @Column('text', { nullable: true })
  lastError: string | null;
}
