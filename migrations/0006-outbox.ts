import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** Events, written in the transaction of what they tell of. */
export class Outbox implements MigrationInterface {
  readonly name = 'Outbox1760000000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table outbox (
        id uuid constraint outbox_pkey primary key,
        tenant_id text not null,
        sequence bigint,
        type text not null,
        data jsonb not null,
        created_at timestamptz not null default clock_timestamp(),
        constraint outbox_tenant_id_id_key unique (tenant_id, id),
        constraint outbox_sequence_key unique (tenant_id, sequence)
      );
      create index outbox_type_idx on outbox (tenant_id, type, sequence);
      create index outbox_age_idx on outbox (created_at);

      create table outbox_sequences (
        tenant_id text constraint outbox_sequences_pkey primary key,
        last bigint not null
      );
    `);
    await isolateTenants(runner, 'outbox');
    await isolateTenants(runner, 'outbox_sequences');
    await runner.query(`
      grant select, insert on outbox to modelplane_app;
      grant select on outbox_sequences to modelplane_app;

      create policy sweep on outbox to modelplane_system using (true);
      grant select (id, created_at), delete on outbox to modelplane_system;

      -- An event gets its number as its transaction commits, while no other of the tenant can commit one: whoever has
      -- read up to a number has missed none below it. Numbered earlier, transactions that hold locks would wait for
      -- each other in circles, and one that commits late would put its event behind the reader's back.
      create function number_event() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
      declare
        number bigint;
      begin
        insert into public.outbox_sequences as s (tenant_id, last) values (new.tenant_id, 1)
        on conflict (tenant_id) do update set last = s.last + 1 returning s.last into number;
        update public.outbox set sequence = number where id = new.id;
        return null;
      end $$;
      revoke all on function number_event() from public;

      -- Those that a backup brings back have their numbers.
      create constraint trigger outbox_number after insert on outbox deferrable initially deferred
      for each row when (new.sequence is null) execute function number_event();
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
