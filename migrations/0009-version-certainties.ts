import type { MigrationInterface, QueryRunner } from 'typeorm';
import { isolateTenants } from './row-level-security.js';

/** How sure the answers of a version are, and from which probability on its second class is answered. */
export class VersionCertainties implements MigrationInterface {
  readonly name = 'VersionCertainties1760000000009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table version_certainties (
        tenant_id text not null,
        version_id uuid not null,
        calibration jsonb,
        threshold_curve jsonb,
        threshold jsonb,
        constraint version_certainties_pkey primary key (tenant_id, version_id),
        constraint version_certainties_version_fkey foreign key (tenant_id, version_id)
          references model_versions (tenant_id, id) on delete cascade
      );
      -- Of the calibrations of a version that wait or run there is one.
      create unique index jobs_calibration_key on jobs (tenant_id, (spec ->> 'model_id'), (spec ->> 'version'))
        where kind = 'calibration' and ended_at is null;
    `);
    await isolateTenants(runner, 'version_certainties');
    await runner.query('grant select, insert, update on version_certainties to modelplane_app');
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
