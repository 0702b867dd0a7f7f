import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Model cards and permutation importance of trained versions; older versions have neither. */
export class ModelCards implements MigrationInterface {
  readonly name = 'ModelCards1760000000040';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table model_versions
        add column card_sha256 text,
        add column card_markdown_sha256 text,
        add column importance jsonb;
      create index model_versions_card_idx on model_versions (tenant_id, card_sha256);
      create index model_versions_card_markdown_idx on model_versions (tenant_id, card_markdown_sha256);
    `);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
