import type { QueryRunner } from 'typeorm';
import { Client } from 'pg';
import { isolateTenants } from '../../migrations/row-level-security.js';
import { ARTIFACTS, Artifacts } from '../../src/platform/storage/artifacts.js';
import type { TestDatabase } from './database.js';

/** A module of a later version: its files lie among the artifacts, and it has a folder beside them. */
export const laterModule = () =>
  Artifacts.ownedBy(
    { what: 'samples', folder: ARTIFACTS, kept: 'select tenant_id, sha256 as name from samples' },
    {
      what: 'studies',
      folder: { name: 'studies', isContentAddressed: false, isBackedUp: true },
      kept: 'select tenant_id, study as name from samples',
    },
    { what: 'drafts', folder: { name: 'drafts', isContentAddressed: false, isBackedUp: false } },
  );

/** Its table, as a migration would make it. */
export async function makeLaterTable({ ownerUrl }: TestDatabase): Promise<void> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query(
      `create table samples (tenant_id text not null, sha256 text not null, study text not null, primary key (tenant_id, sha256));
       grant select on samples to modelplane_app`,
    );
    await isolateTenants(client as unknown as QueryRunner, 'samples');
  } finally {
    await client.end();
  }
}
