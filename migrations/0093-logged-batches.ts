import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A finished batch is one row of the prediction log, which says where its output lies. It is written in the transaction
 * that ends the job, and so by the application's role, for its tenant alone: the policy of the table checks that.
 */
export class LoggedBatches implements MigrationInterface {
  readonly name = 'LoggedBatches1760000000093';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table prediction_log add column batch json;
      grant insert on prediction_log to modelplane_app;
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
