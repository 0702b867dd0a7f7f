import { randomUUID } from 'node:crypto';
import pg from 'pg';

export interface TestDatabase {
  appUrl: string;
  systemUrl: string;
  /** Login of the role that owns the tables. */
  ownerUrl: string;
  /** Runs SQL as a superuser, whom row-level security does not hold. */
  query<T extends object>(sql: string, parameters?: unknown[]): Promise<T[]>;
  /** Makes it a template for `cloneDatabase`, once no connection to it is left; its name. */
  becomeTemplate(): Promise<string>;
  drop(): Promise<void>;
}

/** A database of its own for one test file, cloned from a template: the migrated one, or one that has models. */
export async function cloneDatabase(template = 'modelplane_template'): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asAdmin('postgres', (client) =>
    client.query(`create database ${name} template ${template} owner modelplane_owner`),
  );
  return {
    appUrl: urlOf('MODELPLANE_TEST_APP_URL', name),
    systemUrl: urlOf('MODELPLANE_TEST_SYSTEM_URL', name),
    ownerUrl: urlOf('MODELPLANE_TEST_OWNER_URL', name),
    query: (sql, parameters) => asAdmin(name, async (client) => (await client.query(sql, parameters)).rows),
    becomeTemplate: async () => {
      await asAdmin('postgres', (client) =>
        client.query(`alter database ${name} with is_template true allow_connections false`),
      );
      return name;
    },
    drop: async () => {
      await asAdmin('postgres', (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}

/** Runs work that no other spec file runs under the same name at the same time. */
export function oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
  return asAdmin('postgres', async (client) => {
    // The lock ends with the connection.
    await client.query('select pg_advisory_lock(hashtext($1))', [name]);
    return work();
  });
}

async function asAdmin<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: urlOf('MODELPLANE_TEST_ADMIN_URL', database) });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function urlOf(variable: string, database: string): string {
  const text = process.env[variable];
  if (!text) throw new Error(`${variable} is not set: run the tests with npm test`);
  const url = new URL(text);
  url.pathname = `/${database}`;
  return url.href;
}
