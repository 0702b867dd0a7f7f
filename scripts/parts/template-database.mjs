import { migrateDatabase } from './built.mjs';
import { provision } from './provisioning.mjs';

export const TEMPLATE = 'modelplane_template';

/** A migrated database that test files clone: copying its files takes a tenth of migrating again. */
export async function createTemplateDatabase({ postgres, secrets }) {
  const { migrationUrl } = await provision(postgres, secrets, TEMPLATE);
  await migrateDatabase(migrationUrl);
  const { default: pg } = await import('pg');
  const admin = new pg.Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  // A database with a session on it cannot be cloned, so none may be opened.
  await admin.query(`alter database ${TEMPLATE} with is_template true allow_connections false`);
  await admin.end();
}
