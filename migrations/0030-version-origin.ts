import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where a version's artifact comes from: only what our trainer made runs inside the API process. */
export class VersionOrigin implements MigrationInterface {
  readonly name = 'VersionOrigin1760000000030';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table model_versions add column origin text not null default 'trained',
        add constraint model_versions_origin_check check (origin in ('trained', 'uploaded'));
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
