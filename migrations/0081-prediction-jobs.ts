import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Asynchronous predictions are jobs that are deleted again: no other kind is, and no role may delete a job itself. */
export class PredictionJobs implements MigrationInterface {
  readonly name = 'PredictionJobs1760000000081';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create index jobs_ended_idx on jobs (kind, ended_at);

      create function delete_old_prediction_jobs(kept_seconds integer) returns integer
      language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
      declare
        deleted integer;
      begin
        if kept_seconds < 1 then
          raise exception 'jobs are kept for % seconds', kept_seconds using errcode = '22023';
        end if;
        delete from public.jobs where id in (
          select id from public.jobs
          where kind = 'prediction' and ended_at < now() - make_interval(secs => kept_seconds)
          order by ended_at limit 1000 for update skip locked);
        get diagnostics deleted = row_count;
        return deleted;
      end $$;
      revoke all on function delete_old_prediction_jobs(integer) from public;
      grant execute on function delete_old_prediction_jobs(integer) to modelplane_system;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
