import path from 'node:path';
import { backupModules, migrateDatabase } from './built.mjs';
import { startDataServices } from './data-services.mjs';
import { takeLock } from './file-lock.mjs';
import { stateDirectory } from './paths.mjs';
import { lastPort } from './ports.mjs';
import { Problem } from './problem.mjs';
import { databaseUrls } from './provisioning.mjs';
import { readSecrets } from './secrets.mjs';

/**
 * Runs `work({ownerUrl, store, owners})` on the installation that the environment names: the database of
 * MODELPLANE_DATABASE_MIGRATION_URL, else the embedded one of the state directory, started for the time if it
 * does not run; the object store is the one that a server with these settings would use.
 */
export async function onInstallation(work, { create = false } = {}) {
  const { loadSettings, openStore, objectOwners, ConfigError, BackupError } = await backupModules();
  const database = await openDatabase(create);
  try {
    const stateDir = stateDirectory();
    const owners = await objectOwners();
    const { store, close } = await openStore(
      loadSettings({ ...process.env, MODELPLANE_STATE_DIR: stateDir }),
    );
    try {
      return await work({ ownerUrl: database.url, store, owners });
    } finally {
      close();
    }
  } catch (error) {
    if (error instanceof ConfigError || error instanceof BackupError) throw new Problem(error.message);
    if (['ECONNREFUSED', 'ENOTFOUND', '28P01', '3D000'].includes(error.code))
      throw new Problem(`The database cannot be reached: ${error.message || error.code}`);
    throw error;
  } finally {
    await database.close();
  }
}

async function openDatabase(create) {
  const url = process.env.MODELPLANE_DATABASE_MIGRATION_URL;
  if (url) return { url, close: async () => {} };
  const stateDir = stateDirectory();
  const secrets = readSecrets(stateDir);
  if (!secrets && !create)
    throw new Problem(
      `Nothing was ever started on ${stateDir}: set MODELPLANE_STATE_DIR, or MODELPLANE_DATABASE_MIGRATION_URL for a database of your own`,
    );
  const lock = takeLock(path.join(stateDir, 'lock'));
  if (lock.heldBy) return { url: runningUrl(stateDir, secrets), close: async () => {} };
  const services = await startDataServices({
    stateDir,
    withRedis: false,
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const close = async () => {
    await services.stop();
    lock.release();
  };
  try {
    if (create) await migrateDatabase(services.urls.migrationUrl); // what npm start would do on a new folder
    return { url: services.urls.migrationUrl, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function runningUrl(stateDir, secrets) {
  const port = lastPort(stateDir, 'postgres');
  const url = (user, password, database) => `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`;
  return databaseUrls({ url }, secrets, 'modelplane').migrationUrl;
}
