import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** Who is told of events over HTTP, and what was told. */
export class Webhooks implements MigrationInterface {
  readonly name = 'Webhooks1760000000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table webhooks (
        id uuid constraint webhooks_pkey primary key,
        tenant_id text not null,
        url text not null,
        description text,
        events text[] not null,
        enabled boolean not null,
        disabled_reason text,
        secret bytea not null,
        previous_secret bytea,
        previous_until timestamptz,
        position bigint not null,
        not_before timestamptz,
        failing_since timestamptz,
        created_by text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint webhooks_tenant_id_id_key unique (tenant_id, id),
        constraint webhooks_events_check check (cardinality(events) > 0),
        constraint webhooks_disabled_check check (disabled_reason is null or not enabled),
        constraint webhooks_previous_check check ((previous_secret is null) = (previous_until is null))
      );
      create index webhooks_enabled_idx on webhooks (tenant_id, position) where enabled;

      create table webhook_deliveries (
        id uuid constraint webhook_deliveries_pkey primary key,
        tenant_id text not null,
        webhook_id uuid not null,
        event_id uuid not null,
        sequence bigint not null,
        type text not null,
        body text not null,
        state text not null,
        set_aside boolean not null default false,
        attempts integer not null default 0,
        due_at timestamptz not null default clock_timestamp(),
        first_attempt_at timestamptz,
        last_attempt_at timestamptz,
        last_status integer,
        last_error text,
        ended_at timestamptz,
        created_at timestamptz not null default clock_timestamp(),
        constraint webhook_deliveries_tenant_id_id_key unique (tenant_id, id),
        constraint webhook_deliveries_sequence_key unique (webhook_id, sequence),
        constraint webhook_deliveries_webhook_fkey foreign key (tenant_id, webhook_id)
          references webhooks (tenant_id, id) on delete cascade,
        constraint webhook_deliveries_state_check check (state in ('pending', 'delivered', 'dead')),
        constraint webhook_deliveries_ended_check check ((state = 'pending') = (ended_at is null))
      );
      create index webhook_deliveries_first_idx on webhook_deliveries (webhook_id, sequence)
        where state = 'pending' and not set_aside;
      create index webhook_deliveries_aside_idx on webhook_deliveries (webhook_id, due_at)
        where state = 'pending' and set_aside;
      create index webhook_deliveries_state_idx on webhook_deliveries (tenant_id, webhook_id, state, id);
      create index webhook_deliveries_ended_idx on webhook_deliveries (ended_at);
    `);
    await isolateTenants(runner, 'webhooks');
    await isolateTenants(runner, 'webhook_deliveries');
    await runner.query(`
      grant select, insert, update, delete on webhooks, webhook_deliveries to modelplane_app;

      -- Whoever delivers learns whose turn it is, and not what is told to whom.
      create policy due on webhooks for select to modelplane_system using (true);
      grant select (tenant_id, id, enabled, position, not_before) on webhooks to modelplane_system;
      create policy due on webhook_deliveries for select to modelplane_system using (true);
      create policy sweep on webhook_deliveries for delete to modelplane_system using (true);
      grant select (id, webhook_id, sequence, state, set_aside, due_at, ended_at), delete
        on webhook_deliveries to modelplane_system;
      create policy news on outbox_sequences for select to modelplane_system using (true);
      grant select (tenant_id, last) on outbox_sequences to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
