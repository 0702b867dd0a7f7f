import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of the batch predictions that wait or run, one of a tenant writes to a folder. */
export class BatchOutput implements MigrationInterface {
  readonly name = 'BatchOutput1760000000070';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create unique index jobs_batch_output_key on jobs (tenant_id, (spec ->> 'output_path'))
        where kind = 'batch' and ended_at is null;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
