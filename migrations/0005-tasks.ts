import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What one process does for all. */
export class Tasks implements MigrationInterface {
  readonly name = 'Tasks1760000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Of no tenant: which process does what for all.
      create table tasks (
        name text constraint tasks_pkey primary key,
        next_at timestamptz not null default now(),
        holder text,
        attempt integer not null default 0,
        lease_until timestamptz,
        last_started_at timestamptz,
        last_ended_at timestamptz,
        last_succeeded_at timestamptz,
        last_outcome text,
        last_error text,
        constraint tasks_last_outcome_check check (last_outcome in ('succeeded', 'failed')),
        constraint tasks_holder_check check ((holder is null) = (lease_until is null))
      );
      grant select, insert, update on tasks to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
