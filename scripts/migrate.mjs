// Brings a database to the newest schema: MODELPLANE_DATABASE_MIGRATION_URL=postgresql://owner:…@host/db node scripts/migrate.mjs
import './parts/node-version.mjs';
import { migrateDatabase } from './parts/built.mjs';
import { Problem, reportProblem } from './parts/problem.mjs';

try {
  const url = process.env.MODELPLANE_DATABASE_MIGRATION_URL;
  if (!url)
    throw new Problem('MODELPLANE_DATABASE_MIGRATION_URL must name the database, by a role that owns it');
  const applied = await migrateDatabase(url);
  process.stdout.write(applied.length ? `${applied.join('\n')}\n` : 'The database is up to date\n');
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}
