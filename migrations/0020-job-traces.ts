import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The trace that a job belongs to, and an index that counts jobs by status for /metrics. */
export class JobTraces implements MigrationInterface {
  readonly name = 'JobTraces1760000000020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table jobs add column trace_parent text;
      create index jobs_status_idx on jobs (kind, status);
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
