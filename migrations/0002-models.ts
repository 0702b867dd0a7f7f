import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** The registry: models, their versions and every move between stages; and the changes that servers watch. */
export class Models implements MigrationInterface {
  readonly name = 'Models1760000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table models (
        id uuid constraint models_pkey primary key,
        tenant_id text not null,
        name text not null,
        description text not null default '',
        model_type text not null,
        framework text not null,
        tags jsonb not null default '{}',
        had_production boolean not null default false,
        revision bigint not null default 0,
        created_by text not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint models_tenant_id_id_key unique (tenant_id, id),
        constraint models_tenant_id_name_key unique (tenant_id, name),
        constraint models_model_type_check check (model_type in ('classification', 'regression')),
        constraint models_framework_check check (framework in ('sklearn', 'xgboost', 'lightgbm', 'onnx', 'tensorflow', 'ensemble'))
      );
      create index models_tags_idx on models using gin (tags);

      create table model_versions (
        id uuid constraint model_versions_pkey primary key,
        tenant_id text not null,
        model_id uuid not null,
        major integer not null,
        minor integer not null,
        patch integer not null,
        stage text not null default 'development',
        origin text not null default 'trained',
        framework text not null,
        framework_version text,
        signature jsonb,
        importance jsonb,
        metrics jsonb not null default '{}',
        parameters jsonb not null default '{}',
        data jsonb not null default '{}',
        job_id text,
        created_by text not null,
        created_at timestamptz not null default now(),
        filled_at timestamptz,
        constraint model_versions_tenant_id_id_key unique (tenant_id, id),
        constraint model_versions_number_key unique (tenant_id, model_id, major, minor, patch),
        constraint model_versions_job_key unique (model_id, job_id),
        constraint model_versions_model_fkey foreign key (tenant_id, model_id) references models (tenant_id, id) on delete cascade,
        constraint model_versions_job_fkey foreign key (tenant_id, job_id) references jobs (tenant_id, id),
        constraint model_versions_stage_check check (stage in ('development', 'staging', 'production', 'archived')),
        constraint model_versions_origin_check check (origin in ('trained', 'uploaded', 'combined')),
        constraint model_versions_combined_check check (origin <> 'combined' or framework = 'ensemble'),
        constraint model_versions_framework_check check (framework in ('sklearn', 'xgboost', 'lightgbm', 'onnx', 'tensorflow', 'ensemble')),
        constraint model_versions_filled_check check (
          (signature is null) = (filled_at is null) and (filled_at is not null or stage = 'development')
        )
      );
      create index model_versions_job_idx on model_versions (tenant_id, job_id);
      create index model_versions_members_idx on model_versions using gin (parameters jsonb_path_ops) where framework = 'ensemble';
      create unique index model_versions_one_production_idx on model_versions (tenant_id, model_id) where stage = 'production';

      create table version_files (
        tenant_id text not null,
        version_id uuid not null,
        name text not null,
        sha256 text not null,
        size bigint not null,
        constraint version_files_pkey primary key (tenant_id, version_id, name),
        constraint version_files_version_fkey foreign key (tenant_id, version_id)
          references model_versions (tenant_id, id) on delete cascade,
        constraint version_files_name_check
          check (name in ('model', 'core', 'baseline', 'background', 'card', 'card_markdown')),
        constraint version_files_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
        constraint version_files_size_check check (size > 0)
      );
      create index version_files_sha256_idx on version_files (tenant_id, sha256);

      create table stage_changes (
        id uuid constraint stage_changes_pkey primary key,
        tenant_id text not null,
        model_id uuid not null,
        version text not null,
        from_stage text not null,
        to_stage text not null,
        reason text not null default '',
        changed_by text not null,
        changed_at timestamptz not null default now(),
        constraint stage_changes_tenant_id_id_key unique (tenant_id, id),
        constraint stage_changes_model_fkey foreign key (tenant_id, model_id) references models (tenant_id, id) on delete cascade
      );
      create index stage_changes_model_idx on stage_changes (tenant_id, model_id, id);

      create table catalog_revision (
        id smallint constraint catalog_revision_pkey primary key default 1,
        revision bigint not null default 0,
        pruned_to bigint not null default 0,
        constraint catalog_revision_single_row_check check (id = 1)
      );
      insert into catalog_revision default values;

      create table changes (
        tenant_id text not null,
        kind text not null,
        key text not null,
        revision bigint not null,
        changed_at timestamptz not null,
        constraint changes_pkey primary key (tenant_id, kind, key)
      );
      create index changes_revision_idx on changes (revision);
    `);
    for (const table of ['models', 'model_versions', 'version_files', 'stage_changes', 'changes'])
      await isolateTenants(runner, table);
    await runner.query(`
      grant select, insert, update, delete on models, model_versions to modelplane_app;
      -- The files of a version never change, and are deleted with it.
      grant select, insert on version_files, stage_changes to modelplane_app;
      grant select, update (revision) on catalog_revision to modelplane_app;
      grant select, update (pruned_to) on catalog_revision to modelplane_system;

      grant select, insert, update on changes to modelplane_app;
      create policy watch on changes to modelplane_system using (true) with check (false);
      grant select, delete on changes to modelplane_system;
    `);
    await runner.query(`
      create function check_filled_version() returns trigger
      language plpgsql set search_path = pg_catalog, pg_temp as $$
      declare
        changed constant jsonb := to_jsonb(coalesce(new, old));
        checked constant uuid := coalesce(changed ->> 'version_id', changed ->> 'id');
      begin
        if exists (
          select from public.model_versions v
          where v.tenant_id = changed ->> 'tenant_id' and v.id = checked
            and (v.filled_at is not null and v.origin <> 'combined') <> exists (
              select from public.version_files f
              where f.tenant_id = v.tenant_id and f.version_id = v.id and f.name = 'model'))
        then
          raise exception 'version % is filled and has no model file, or the other way round', checked
            using errcode = 'check_violation', constraint = 'version_files_filled_check';
        end if;
        return null;
      end $$;

      -- A version is filled exactly if it has a model file, or is made of other models. File and version are written one after the other in one
      -- transaction, so that it is looked at when that commits.
      create constraint trigger model_versions_filled after insert or update of filled_at on model_versions
        deferrable initially deferred for each row execute function check_filled_version();
      create constraint trigger version_files_filled after insert or update or delete on version_files
        deferrable initially deferred for each row execute function check_filled_version();
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
