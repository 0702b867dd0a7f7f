import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/**
 * What each tenant keeps, in bytes, and what it has used by the day.
 * Every object, artifact and day of the prediction log is an item; triggers keep the sums of items true in whatever
 * transaction an item changes, so that a quota is checked against one small row a kind.
 */
export class Quotas implements MigrationInterface {
  readonly name = 'Quotas1760000000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table stored_items (
        tenant_id text not null,
        kind text not null,
        -- URI of an object, SHA-256 of an artifact, day of the log as YYYYMMDD; a reservation has an id.
        name text not null,
        bytes bigint not null,
        -- Object that a reservation or a presigned URL is for, and when it ends.
        target text,
        until timestamptz,
        constraint stored_items_pkey primary key (tenant_id, kind, name),
        constraint stored_items_kind_check check (kind in ('object', 'artifact', 'log', 'reservation', 'presigned')),
        constraint stored_items_bytes_check check (bytes >= 0),
        constraint stored_items_until_check check ((until is not null) = (kind in ('reservation', 'presigned')))
      );
      -- An object is the item of whoever wrote it last, also where two tenants may write to one folder.
      create unique index stored_items_object_key on stored_items (name) where kind = 'object';
      create index stored_items_until_idx on stored_items (until) where until is not null;

      create table stored_bytes (
        tenant_id text not null,
        kind text not null,
        bytes bigint not null,
        constraint stored_bytes_pkey primary key (tenant_id, kind)
      );

      create table tenant_usage (
        tenant_id text not null,
        day date not null,
        requests bigint not null default 0,
        row_count bigint not null default 0,
        job_seconds double precision not null default 0,
        stored_bytes bigint,
        constraint tenant_usage_pkey primary key (tenant_id, day)
      );
    `);
    for (const table of ['stored_items', 'stored_bytes', 'tenant_usage']) await isolateTenants(runner, table);
    await runner.query(`
      grant select on stored_items, stored_bytes, tenant_usage to modelplane_app;
      -- Whoever counts counts for all tenants, and learns names and sizes.
      create policy counting on stored_items to modelplane_system using (true) with check (true);
      create policy counting on stored_bytes for select to modelplane_system using (true);
      create policy counting on tenant_usage to modelplane_system using (true) with check (true);
      grant select, insert, update, delete on stored_items to modelplane_system;
      grant select on stored_bytes to modelplane_system;
      grant select, insert, update, delete on tenant_usage to modelplane_system;
    `);
    await runner.query(`
      create function add_stored_bytes() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
      begin
        -- In one order, so that two statements that change sums of the same tenants do not wait for each other.
        if tg_op = 'INSERT' then
          insert into public.stored_bytes as sums
          select tenant_id, kind, sum(bytes) from added group by 1, 2 order by 1, 2
          on conflict (tenant_id, kind) do update set bytes = sums.bytes + excluded.bytes;
        elsif tg_op = 'DELETE' then
          insert into public.stored_bytes as sums
          select tenant_id, kind, -sum(bytes) from removed group by 1, 2 order by 1, 2
          on conflict (tenant_id, kind) do update set bytes = sums.bytes + excluded.bytes;
        else
          insert into public.stored_bytes as sums
          select tenant_id, kind, sum(bytes) from (
            select tenant_id, kind, bytes from added union all select tenant_id, kind, -bytes from removed
          ) changed group by 1, 2 order by 1, 2
          on conflict (tenant_id, kind) do update set bytes = sums.bytes + excluded.bytes;
        end if;
        return null;
      end $$;
      create trigger stored_items_added after insert on stored_items
        referencing new table as added for each statement execute function add_stored_bytes();
      create trigger stored_items_changed after update on stored_items
        referencing old table as removed new table as added for each statement execute function add_stored_bytes();
      create trigger stored_items_removed after delete on stored_items
        referencing old table as removed for each statement execute function add_stored_bytes();

      -- Versions that share a file share its item.
      create function count_version_file() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
      begin
        if tg_op = 'INSERT' then
          insert into public.stored_items (tenant_id, kind, name, bytes)
          values (new.tenant_id, 'artifact', new.sha256, new.size)
          on conflict (tenant_id, kind, name) do update set bytes = excluded.bytes;
          return null;
        end if;
        -- Locked first: whoever adds another version with this file is waited for, and seen by the next statement.
        perform from public.stored_items
        where tenant_id = old.tenant_id and kind = 'artifact' and name = old.sha256 for update;
        delete from public.stored_items
        where tenant_id = old.tenant_id and kind = 'artifact' and name = old.sha256
          and not exists (select from public.version_files file
                          where file.tenant_id = old.tenant_id and file.sha256 = old.sha256);
        return null;
      end $$;
      create trigger version_files_counted after insert or delete on version_files
        for each row execute function count_version_file();

      -- The day of a logged prediction is in its UUIDv7, its bytes are those of its JSON.
      create function prediction_log_day(request_id uuid) returns text language sql immutable
      set search_path = pg_catalog, pg_temp
      return to_char(to_timestamp(('x' || lpad(left(replace(request_id::text, '-', ''), 12), 16, '0'))::bit(64)::bigint
                                  / 1000.0) at time zone 'UTC', 'YYYYMMDD');

      create function count_logged() returns trigger
      language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
      begin
        if tg_op = 'INSERT' then
          insert into public.stored_items as item (tenant_id, kind, name, bytes)
          select tenant_id, 'log', public.prediction_log_day(request_id),
                 sum(octet_length(features::text) + octet_length(output::text))
          from added group by 1, 3 order by 1, 3
          on conflict (tenant_id, kind, name) do update
          set bytes = item.bytes + excluded.bytes;
        else
          update public.stored_items item set bytes = greatest(0, item.bytes - gone.bytes)
          from (select tenant_id, public.prediction_log_day(request_id) as day,
                       sum(octet_length(features::text) + octet_length(output::text)) as bytes
                from removed group by 1, 2) gone
          where item.tenant_id = gone.tenant_id and item.kind = 'log' and item.name = gone.day;
        end if;
        return null;
      end $$;
      create trigger prediction_log_added after insert on prediction_log
        referencing new table as added for each statement execute function count_logged();
      create trigger prediction_log_removed after delete on prediction_log
        referencing old table as removed for each statement execute function count_logged();

      revoke all on function add_stored_bytes(), count_version_file(), count_logged(), prediction_log_day(uuid) from public;

      insert into stored_items (tenant_id, kind, name, bytes)
      select distinct on (tenant_id, sha256) tenant_id, 'artifact', sha256, size from version_files;
      insert into stored_items (tenant_id, kind, name, bytes)
      select tenant_id, 'log', prediction_log_day(request_id),
             sum(octet_length(features::text) + octet_length(output::text))
      from prediction_log group by 1, 3;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
