import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/**
 * The prediction log, a partition a day by the time inside the UUIDv7 of a request, what a model says of its own, and
 * how many requests were answered and refused in each minute.
 * Neither role of the service owns tables, so partitions are made and dropped by two functions of the owner, which
 * take dates and nothing else.
 */
export class PredictionLog implements MigrationInterface {
  readonly name = 'PredictionLog1760000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table prediction_log (
        tenant_id text not null,
        request_id uuid not null,
        model_id uuid not null,
        version text not null,
        row_count integer not null,
        latency_ms double precision not null,
        features json not null,
        output json not null,
        batch json,
        deployment text,
        arm text,
        shadow boolean,
        ensemble json,
        entity_keys json,
        constraint prediction_log_pkey primary key (tenant_id, request_id)
      ) partition by range (request_id);
      create index prediction_log_model_idx on prediction_log (tenant_id, model_id, request_id);

      create table prediction_log_settings (
        tenant_id text not null,
        model_id uuid not null,
        sample_rate double precision,
        retention_days integer,
        redacted_features jsonb not null default '[]',
        constraint prediction_log_settings_pkey primary key (tenant_id, model_id),
        constraint prediction_log_settings_model_fkey foreign key (tenant_id, model_id)
          references models (tenant_id, id) on delete cascade,
        constraint prediction_log_settings_sample_rate_check check (sample_rate between 0 and 1),
        constraint prediction_log_settings_retention_days_check check (retention_days between 1 and 3650)
      );

      create table prediction_counts (
        tenant_id text not null,
        model_id uuid not null,
        window_start timestamptz not null,
        -- Empty where a refused request was for no version that is known.
        version text not null,
        code text not null,
        requests bigint not null,
        row_count bigint not null,
        constraint prediction_counts_pkey primary key (tenant_id, model_id, window_start, version, code)
      );
      create index prediction_counts_window_idx on prediction_counts (window_start);
    `);
    for (const table of ['prediction_log', 'prediction_log_settings', 'prediction_counts'])
      await isolateTenants(runner, table);
    await runner.query(`
      -- The application's role writes and counts a finished batch, in the transaction that ends its job.
      grant select, insert on prediction_log to modelplane_app;
      grant select, insert, update (requests, row_count) on prediction_counts to modelplane_app;
      grant select, insert, update on prediction_log_settings to modelplane_app;

      -- One flush holds the rows of many tenants; whoever flushes can read none of them.
      create policy flush on prediction_log for insert to modelplane_system with check (true);
      grant insert on prediction_log to modelplane_system;
      -- It adds to counts, which takes reading them: they name a model and no more.
      create policy flush on prediction_counts to modelplane_system using (true) with check (true);
      grant select, insert, update (requests, row_count) on prediction_counts to modelplane_system;
      create policy settings on prediction_log_settings for select to modelplane_system using (true);
      grant select on prediction_log_settings to modelplane_system;
    `);
    await runner.query(`
      create function prediction_log_floor(day date) returns uuid language sql immutable
      set search_path = pg_catalog, pg_temp
      return (lpad(to_hex((extract(epoch from day::timestamp) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

      create function make_prediction_log_partitions(first date, last date) returns integer
      language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
      declare
        today constant date := (now() at time zone 'UTC')::date;
        day date;
        name text;
        made integer := 0;
      begin
        if first < today - 3650 or last > today + 31 or last - first not between 0 and 62 then
          raise exception 'no partitions from % to %', first, last using errcode = '22023';
        end if;
        perform pg_advisory_xact_lock(hashtext('prediction_log partitions'));
        for day in select generate_series(first, last, interval '1 day')::date loop
          name := 'prediction_log_' || to_char(day, 'YYYYMMDD');
          continue when to_regclass('public.' || name) is not null;
          -- Attached and not made in place, which would wait for every reader of the log.
          execute format('create table public.%I (like public.prediction_log including constraints)', name);
          execute format('alter table public.%I enable row level security', name);
          execute format('alter table public.%I force row level security', name);
          execute format('create policy tenant_isolation on public.%I to modelplane_app
                            using (tenant_id = nullif(current_setting(''app.tenant_id'', true), ''''))', name);
          execute format('create policy owner_access on public.%I to %I using (true) with check (true)',
                         name, current_user);
          execute format('alter table public.prediction_log attach partition public.%I for values from (%L) to (%L)',
                         name, public.prediction_log_floor(day), public.prediction_log_floor(day + 1));
          made := made + 1;
        end loop;
        return made;
      end $$;

      -- Days that no model keeps are dropped whole; of others, and of the counts, at most 10,000 rows a call each, so that
      -- no call takes long.
      create function prune_prediction_log(
        default_days integer, out dropped integer, out deleted integer, out counts_deleted integer)
      language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
      declare
        today constant date := (now() at time zone 'UTC')::date;
        longest integer;
        shortest integer;
        name text;
      begin
        if default_days not between 1 and 3650 then
          raise exception 'no retention of % days', default_days using errcode = '22023';
        end if;
        dropped := 0;
        select greatest(default_days, max(retention_days)), least(default_days, min(retention_days))
        into longest, shortest from public.prediction_log_settings;
        for name in
          select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
          where i.inhparent = 'public.prediction_log'::regclass and c.relname ~ '^prediction_log_[0-9]{8}$'
            and to_date(right(c.relname, 8), 'YYYYMMDD') < today - longest
        loop
          execute format('drop table public.%I', name);
          dropped := dropped + 1;
        end loop;
        with old as (
          (select l.tenant_id, l.request_id
           from public.prediction_log_settings s
           join public.prediction_log l on l.tenant_id = s.tenant_id and l.model_id = s.model_id
           where s.retention_days < longest and l.request_id < public.prediction_log_floor(today - s.retention_days)
           limit 10000)
          union all
          (select l.tenant_id, l.request_id from public.prediction_log l
           where default_days < longest and l.request_id < public.prediction_log_floor(today - default_days)
             and not exists (select from public.prediction_log_settings s
                             where s.tenant_id = l.tenant_id and s.model_id = l.model_id
                               and s.retention_days is not null)
           limit 10000)
          limit 10000
        )
        delete from public.prediction_log l using old
        where l.tenant_id = old.tenant_id and l.request_id = old.request_id;
        get diagnostics deleted = row_count;
        with old as (
          select c.tenant_id, c.model_id, c.window_start, c.version, c.code from public.prediction_counts c
          left join public.prediction_log_settings s on s.tenant_id = c.tenant_id and s.model_id = c.model_id
          where c.window_start < (today - shortest)::timestamp at time zone 'UTC'
            and c.window_start < (today - coalesce(s.retention_days, default_days))::timestamp at time zone 'UTC'
          limit 10000
        )
        delete from public.prediction_counts c using old
        where (c.tenant_id, c.model_id, c.window_start, c.version, c.code)
          = (old.tenant_id, old.model_id, old.window_start, old.version, old.code);
        get diagnostics counts_deleted = row_count;
      end $$;

      revoke all on function prediction_log_floor(date), make_prediction_log_partitions(date, date),
        prune_prediction_log(integer) from public;
      grant execute on function make_prediction_log_partitions(date, date), prune_prediction_log(integer)
        to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
