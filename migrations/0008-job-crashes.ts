import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What ended the process of a job's last attempt, so that the same crash is not met three times. */
export class JobCrashes implements MigrationInterface {
  readonly name = 'JobCrashes1760000000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table jobs add crashed_by text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table jobs drop crashed_by');
  }
}
