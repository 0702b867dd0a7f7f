import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inRoot } from './paths.mjs';
import { Problem } from './problem.mjs';

// What scripts use of the built application. Each name is imported on use, after the build that makes it.
async function built(...names) {
  const file = inRoot('dist', 'src', ...names);
  if (!existsSync(file)) throw new Problem(`${file} does not exist: build first (npm run build)`);
  return import(pathToFileURL(file).href);
}

/** Applies the migrations that a database lacks; answers their names. */
export const migrateDatabase = async (url) =>
  (await built('platform', 'database', 'migrate.js')).migrate(url);

/** Where a migrated database and the entities disagree; empty when they do not. */
export const schemaDifferences = async (url) =>
  (await built('platform', 'database', 'schema-check.js')).schemaDifferences(url);

export const openApiText = async () =>
  `${JSON.stringify(await (await built('openapi.js')).openApiDocument(), null, 2)}\n`;

export const environmentText = async () => (await built('config', 'index.js')).environmentExample();

/** What backing up and restoring stand on. */
export const backupModules = async () => ({
  ...(await built('config', 'index.js')),
  ...(await built('platform', 'backup', 'backup-format.js')),
  ...(await built('platform', 'backup', 'backup.js')),
  ...(await built('platform', 'backup', 'restore.js')),
  ...(await built('platform', 'backup', 'open-store.js')),
  ...(await built('object-owners.js')),
});
