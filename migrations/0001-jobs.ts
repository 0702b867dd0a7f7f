import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** The job table: the truth about long-running work. Redis only wakes who reads it. */
export class Jobs implements MigrationInterface {
  readonly name = 'Jobs1760000000001';

  async up(runner: QueryRunner): Promise<void> {
    // A production database has these two roles with passwords of its own; see docs/production.md.
    await runner.query(`
      do $$
      begin
        if not exists (select from pg_roles where rolname = 'modelplane_app') then
          create role modelplane_app nologin;
        end if;
        if not exists (select from pg_roles where rolname = 'modelplane_system') then
          create role modelplane_system nologin;
        end if;
      end
      $$;
      grant usage on schema public to modelplane_app, modelplane_system;
    `);
    await runner.query(`
      create table jobs (
        id text constraint jobs_pkey primary key,
        tenant_id text not null,
        kind text not null,
        parent_id text,
        status text not null default 'submitted',
        spec jsonb not null,
        request jsonb,
        rerun_of text,
        submitted_by text not null,
        api_key text,
        trace_parent text,
        needs_cpus real,
        needs_memory_bytes bigint,
        attempt integer not null default 0,
        uncounted_attempts integer not null default 0,
        crashed_by text,
        lease_until timestamptz,
        claimed_at timestamptz,
        worker text,
        cancel_requested_at timestamptz,
        pause_requested_at timestamptz,
        engine text not null,
        engine_job_id text,
        progress jsonb,
        metrics jsonb not null default '{}',
        resources jsonb not null default '{}',
        warnings jsonb not null default '[]',
        result jsonb,
        error_code text,
        error_message text,
        created_at timestamptz not null default now(),
        started_at timestamptz,
        updated_at timestamptz not null default now(),
        ended_at timestamptz,
        constraint jobs_tenant_id_id_key unique (tenant_id, id),
        -- Deferrable, because a backup is restored in the order of the ids.
        constraint jobs_parent_fkey foreign key (tenant_id, parent_id) references jobs (tenant_id, id)
          on delete set null (parent_id) deferrable initially immediate,
        constraint jobs_status_check
          check (status in ('submitted', 'running', 'paused', 'succeeded', 'failed', 'cancelled')),
        constraint jobs_ended_check check ((ended_at is not null) = (status in ('succeeded', 'failed', 'cancelled')))
      );
      create index jobs_list_idx on jobs (tenant_id, kind, id);
      -- Lists of several kinds are ordered by the UUIDv7 behind the prefix of the id.
      create index jobs_newest_idx on jobs (tenant_id, (right(id, 36)));
      create index jobs_newest_by_status_idx on jobs (tenant_id, status, (right(id, 36)));
      create index jobs_children_idx on jobs (tenant_id, parent_id, (right(id, 36))) where parent_id is not null;
      create index jobs_training_model_idx on jobs (tenant_id, (spec ->> 'model_name'), id) where kind = 'training';
      create index jobs_turn_idx on jobs (kind, tenant_id, claimed_at);
      create index jobs_open_idx on jobs (kind, tenant_id, created_at, id) where ended_at is null;
      create index jobs_status_idx on jobs (kind, status);
      create index jobs_ended_idx on jobs (kind, ended_at);
      -- Of a tenant's batches that wait or run, one writes to a folder.
      create unique index jobs_batch_output_key on jobs (tenant_id, (spec ->> 'output_path'))
        where kind = 'batch' and ended_at is null;

      create table job_events (
        tenant_id text not null,
        job_id text not null,
        attempt integer not null,
        seq integer not null,
        type text not null,
        data jsonb not null,
        created_at timestamptz not null default now(),
        constraint job_events_pkey primary key (tenant_id, job_id, attempt, seq),
        constraint job_events_job_fkey foreign key (tenant_id, job_id) references jobs (tenant_id, id) on delete cascade
      );
    `);
    await isolateTenants(runner, 'jobs');
    await isolateTenants(runner, 'job_events');
    await runner.query(`
      grant select, insert, update on jobs to modelplane_app;
      grant select, insert on job_events to modelplane_app;

      create policy claims on jobs to modelplane_system using (true) with check (true);
      grant select (id, tenant_id, kind, status, needs_cpus, needs_memory_bytes, attempt, uncounted_attempts,
                    lease_until, claimed_at, started_at, cancel_requested_at, pause_requested_at, created_at,
                    updated_at, ended_at) on jobs to modelplane_system;
      grant update (status, attempt, lease_until, claimed_at, started_at, worker, updated_at) on jobs to modelplane_system;

      -- No role of the service may delete a job; this function of the owner deletes at most 1,000 jobs that ended
      -- longer ago than they are kept. A job that a version of a model names stays, and so does the version's lineage.
      create function delete_ended_jobs(of_kind text, kept_seconds integer) returns integer
      language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
      declare
        deleted integer;
      begin
        if of_kind is null or kept_seconds is null or kept_seconds not between 1 and 315360000 then
          raise exception 'jobs of the kind % are kept for % seconds', of_kind, kept_seconds using errcode = '22023';
        end if;
        delete from public.jobs where id in (
          select id from public.jobs job
          where kind = of_kind and ended_at < now() - make_interval(secs => kept_seconds)
            and not exists (select from public.model_versions version
                            where version.tenant_id = job.tenant_id and version.job_id = job.id)
          order by ended_at limit 1000 for update skip locked);
        get diagnostics deleted = row_count;
        return deleted;
      end $$;
      revoke all on function delete_ended_jobs(text, integer) from public;
      grant execute on function delete_ended_jobs(text, integer) to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
