import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** Trials of studies of hyperparameters. */
export class TuningTrials implements MigrationInterface {
  readonly name = 'TuningTrials1760000000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table tuning_trials (
        tenant_id text not null,
        job_id text not null,
        number integer not null,
        state text not null,
        origin text not null,
        parameters jsonb not null,
        objective_values double precision[],
        feasible boolean,
        metrics jsonb not null,
        steps jsonb not null,
        started_at timestamptz not null,
        ended_at timestamptz,
        duration_seconds double precision,
        tries integer not null,
        reason text,
        constraint tuning_trials_pkey primary key (tenant_id, job_id, number),
        constraint tuning_trials_job_fkey foreign key (tenant_id, job_id) references jobs (tenant_id, id)
          on delete cascade,
        constraint tuning_trials_state_check check (state in ('running', 'succeeded', 'pruned', 'failed'))
      );
      create index tuning_trials_state_idx on tuning_trials (tenant_id, job_id, state, number);
      -- A training makes one version of a model, a study one of a trial.
      alter table model_versions drop constraint model_versions_job_key;
      create unique index model_versions_job_key on model_versions (model_id, job_id, coalesce(data ->> 'trial', ''));
      create index jobs_tuning_model_idx on jobs (tenant_id, (spec ->> 'model_name'), id) where kind = 'tuning';
    `);
    await isolateTenants(runner, 'tuning_trials');
    await runner.query('grant select, insert, update, delete on tuning_trials to modelplane_app');
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
