import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The rows of the training data that explanations compare with; versions of before, and uploads, have none. */
export class ExplanationBackgrounds implements MigrationInterface {
  readonly name = 'ExplanationBackgrounds1760000000091';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table model_versions add column background_sha256 text;
      create index model_versions_background_idx on model_versions (tenant_id, background_sha256);
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
