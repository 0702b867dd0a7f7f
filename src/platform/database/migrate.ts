import { ownerDataSource } from './data-source.js';

/** 'modelplane migrations' as a number: two processes that migrate at once take turns. */
const LOCK = 7_355_608;

/**
 * Brings a database to this version of the code.
 * @param url login of the role that owns the database
 * @returns names of the migrations that ran, in order
 */
export async function migrate(url: string): Promise<string[]> {
  const source = await ownerDataSource(url).initialize();
  const lock = source.createQueryRunner();
  try {
    await lock.query('select pg_advisory_lock($1)', [LOCK]);
    return (await source.runMigrations()).map((migration) => migration.name);
  } finally {
    await lock.query('select pg_advisory_unlock($1)', [LOCK]).finally(() => lock.release());
    await source.destroy();
  }
}
