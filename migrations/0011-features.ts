import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** Definitions of features, what runs measured of them, rows that were pushed and files that hold features. */
export class Features implements MigrationInterface {
  readonly name = 'Features1760000000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table feature_entities (
        tenant_id text not null,
        name text not null,
        definition jsonb not null,
        created_by text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint feature_entities_pkey primary key (tenant_id, name)
      );

      create table feature_views (
        tenant_id text not null,
        name text not null,
        version integer not null,
        is_current boolean not null,
        definition jsonb not null,
        online_id integer,
        watermark timestamptz,
        newest_event_time timestamptz,
        stale_since timestamptz,
        materialized_at timestamptz,
        bytes_per_entity double precision,
        online_entities bigint,
        created_by text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint feature_views_pkey primary key (tenant_id, name, version),
        constraint feature_views_online_id_key unique (tenant_id, online_id),
        constraint feature_views_version_check check (version between 1 and 999999)
      );
      create unique index feature_views_current_key on feature_views (tenant_id, name) where is_current;

      create table feature_online_ids (
        tenant_id text constraint feature_online_ids_pkey primary key,
        last integer not null
      );

      -- Versions of views that were deleted, and whose values are to go from the online store.
      create table feature_dropped_views (
        tenant_id text not null,
        online_id integer not null,
        dropped_at timestamptz not null default now(),
        constraint feature_dropped_views_pkey primary key (tenant_id, online_id)
      );

      create table feature_services (
        tenant_id text not null,
        name text not null,
        definition jsonb not null,
        created_by text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint feature_services_pkey primary key (tenant_id, name)
      );
      create index model_versions_feature_service_idx
        on model_versions (tenant_id, (data -> 'feature_service' ->> 'name'))
        where data ? 'feature_service';

      create table feature_runs (
        tenant_id text not null,
        view text not null,
        version integer not null,
        job_id text not null,
        interval_start timestamptz,
        interval_end timestamptz not null,
        counts jsonb not null,
        violations jsonb not null,
        statistics jsonb not null,
        ended_at timestamptz not null default now(),
        constraint feature_runs_pkey primary key (tenant_id, view, version, job_id),
        constraint feature_runs_view_fkey foreign key (tenant_id, view, version)
          references feature_views (tenant_id, name, version) on delete cascade
      );
      create index feature_runs_ended_idx on feature_runs (tenant_id, view, version, ended_at);

      create table feature_pushed_rows (
        tenant_id text not null,
        view text not null,
        version integer not null,
        entity_key text not null,
        event_us bigint not null,
        created_us bigint not null,
        "values" jsonb not null,
        pushed_at timestamptz not null default now(),
        constraint feature_pushed_rows_pkey
          primary key (tenant_id, view, version, entity_key, event_us, created_us),
        constraint feature_pushed_rows_view_fkey foreign key (tenant_id, view, version)
          references feature_views (tenant_id, name, version) on delete cascade
      );

      create table feature_files (
        id uuid constraint feature_files_pkey primary key,
        tenant_id text not null,
        kind text not null,
        uri text not null,
        format text not null,
        view text,
        version integer,
        entities jsonb not null,
        key_columns jsonb not null,
        job_id text not null,
        rows bigint not null,
        size_bytes bigint not null,
        sha256 text not null,
        created_at timestamptz not null default now(),
        constraint feature_files_tenant_id_id_key unique (tenant_id, id),
        constraint feature_files_uri_key unique (tenant_id, uri),
        constraint feature_files_view_fkey foreign key (tenant_id, view, version)
          references feature_views (tenant_id, name, version) on delete set null (view, version),
        constraint feature_files_kind_check check (kind in ('pushed', 'quarantine', 'training_set')),
        constraint feature_files_format_check check (format in ('parquet', 'json_lines')),
        constraint feature_files_sha256_check check (sha256 ~ '^[0-9a-f]{64}$')
      );
      create index feature_files_view_idx on feature_files (tenant_id, view, version, kind, id);
      create index feature_files_entities_idx on feature_files using gin (entities);
      create index feature_files_job_idx on feature_files (tenant_id, job_id);
    `);
    const tables = [
      'entities',
      'views',
      'online_ids',
      'dropped_views',
      'services',
      'runs',
      'pushed_rows',
      'files',
    ];
    for (const table of tables) {
      await isolateTenants(runner, `feature_${table}`);
      await runner.query(`grant select, insert, update, delete on feature_${table} to modelplane_app`);
    }
    await runner.query(`
      -- Whoever clears away what was deleted learns whose it is.
      create policy clearing on feature_dropped_views for select to modelplane_system using (true);
      grant select on feature_dropped_views to modelplane_system;
    `);
    // To erase a subject; its policy shows the role no rows but those of the tenant.
    await runner.query('grant delete on prediction_log to modelplane_app');
    // The role without a tenant learns how old the values of views are, and nothing else of them.
    await runner.query(`
      create function feature_freshness()
      returns table (tenant text, view text, version integer, has_values boolean, age_seconds double precision,
                     alarm_seconds integer, is_told boolean)
      language sql stable security definer set search_path = pg_catalog, pg_temp as $$
        select tenant_id, name, version, newest_event_time is not null,
               extract(epoch from clock_timestamp() - coalesce(newest_event_time, created_at)),
               (definition ->> 'freshness_alarm_seconds')::integer, stale_since is not null
        from public.feature_views where is_current and online_id is not null
      $$;
      revoke all on function feature_freshness() from public;
      grant execute on function feature_freshness() to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
