import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The core of a trained version, which servers run in place of the whole graph; older versions have none. */
export class ModelCores implements MigrationInterface {
  readonly name = 'ModelCores1760000000090';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table model_versions add column core_sha256 text;
      create index model_versions_core_idx on model_versions (tenant_id, core_sha256);
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
