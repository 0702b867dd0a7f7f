import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** What one process does for all, and what tenants have done at certain times. */
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

      create table schedules (
        id uuid constraint schedules_pkey primary key,
        tenant_id text not null,
        name text not null,
        kind text not null,
        request jsonb not null,
        cron text not null,
        time_zone text not null,
        enabled boolean not null,
        next_run_at timestamptz,
        last_run jsonb,
        created_by text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint schedules_tenant_id_id_key unique (tenant_id, id),
        constraint schedules_enabled_check check (enabled = (next_run_at is not null))
      );
      create index schedules_due_idx on schedules (next_run_at);
    `);
    await isolateTenants(runner, 'schedules');
    await runner.query(`
      grant select, insert, update, delete on schedules to modelplane_app;

      -- Whoever looks for what is due learns whose it is, and not what it submits.
      create policy due on schedules for select to modelplane_system using (true);
      grant select (tenant_id, id, next_run_at) on schedules to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
