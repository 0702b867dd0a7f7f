import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** The registry: models, their versions, every move between stages, and the revision that servers watch. */
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
        constraint models_framework_check check (framework in ('sklearn', 'xgboost', 'lightgbm', 'onnx', 'tensorflow'))
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
        artifact_sha256 text,
        artifact_size_bytes bigint,
        core_sha256 text,
        baseline_sha256 text,
        background_sha256 text,
        card_sha256 text,
        card_markdown_sha256 text,
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
        constraint model_versions_origin_check check (origin in ('trained', 'uploaded')),
        constraint model_versions_filled_check check (
          (artifact_sha256 is null) = (filled_at is null) and (signature is null) = (filled_at is null)
          and (filled_at is not null or stage = 'development')
        )
      );
      create index model_versions_job_idx on model_versions (tenant_id, job_id);
      create unique index model_versions_one_production_idx on model_versions (tenant_id, model_id) where stage = 'production';
      create index model_versions_artifact_idx on model_versions (tenant_id, artifact_sha256);
      create index model_versions_core_idx on model_versions (tenant_id, core_sha256);
      create index model_versions_baseline_idx on model_versions (tenant_id, baseline_sha256);
      create index model_versions_background_idx on model_versions (tenant_id, background_sha256);
      create index model_versions_card_idx on model_versions (tenant_id, card_sha256);
      create index model_versions_card_markdown_idx on model_versions (tenant_id, card_markdown_sha256);

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
        constraint catalog_revision_single_row_check check (id = 1)
      );
      insert into catalog_revision default values;
    `);
    for (const table of ['models', 'model_versions', 'stage_changes']) await isolateTenants(runner, table);
    await runner.query(`
      grant select, insert, update, delete on models, model_versions to modelplane_app;
      grant select, insert on stage_changes to modelplane_app;
      grant select, update on catalog_revision to modelplane_app;
      grant select on catalog_revision to modelplane_system;

      create policy catalogue on models for select to modelplane_system using (true);
      grant select (tenant_id, id, revision) on models to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
