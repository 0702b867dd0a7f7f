import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { migrations } from '../migrations/index.js';
import { migrate } from '../src/platform/database/migrate.js';
import { required } from './support/service.js';

/** What a release left behind: its schema, and the statements that its code sent; see upgrade/README.md. */
const RELEASES = readdirSync(join(__dirname, 'upgrade'))
  .filter((name) => name.endsWith('.schema.sql'))
  .map((name) => name.replace('.schema.sql', ''));

interface Statement {
  role: 'app' | 'system';
  sql: string;
  parameters: unknown[];
}

const fixture = (name: string) => readFileSync(join(__dirname, 'upgrade', name), 'utf8');

function at(variable: string, database: string): string {
  const url = new URL(required(variable));
  url.pathname = `/${database}`;
  return url.href;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const asAdmin = (sql: string) =>
  withClient(at('MODELPLANE_TEST_ADMIN_URL', 'postgres'), (client) => client.query(sql));

describe.each(RELEASES)('the schema of %s', (release) => {
  const databases: string[] = [];
  const statements = fixture(`${release}.statements.jsonl`)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Statement);

  afterAll(async () => {
    for (const name of databases) await asAdmin(`drop database if exists ${name} with (force)`);
  });

  /** A database as the release made it. */
  async function released(): Promise<string> {
    const name = `upgrade_${randomUUID().replaceAll('-', '')}`;
    await asAdmin(`create database ${name} owner modelplane_owner`);
    databases.push(name);
    await withClient(at('MODELPLANE_TEST_OWNER_URL', name), (client) =>
      client.query(fixture(`${release}.schema.sql`)),
    );
    return name;
  }

  /** Sends the statements in their order, as the roles and for the tenant that sent them. */
  async function replay(database: string, which: (statement: Statement) => boolean = () => true) {
    return withClient(at('MODELPLANE_TEST_APP_URL', database), (app) =>
      withClient(at('MODELPLANE_TEST_SYSTEM_URL', database), async (system) => {
        await app.query(`select set_config('app.tenant_id', 'acme-corp', false)`);
        const outcomes: { sql: string; rows: number | null; columns: string[] }[] = [];
        for (const { role, sql, parameters } of statements.filter(which)) {
          const { rowCount, fields } = await (role === 'app' ? app : system)
            .query(sql, parameters)
            .catch((error: Error) => {
              throw new Error(`${error.message}: ${sql}`);
            });
          outcomes.push({ sql, rows: rowCount, columns: fields.map(({ name }) => name) });
        }
        return outcomes;
      }),
    );
  }

  const upgrade = (database: string) => migrate(at('MODELPLANE_TEST_OWNER_URL', database));

  it('should be followed by the migrations that came after it, and by no others', async () => {
    const database = await released();
    const ofRelease = await withClient(at('MODELPLANE_TEST_OWNER_URL', database), (client) =>
      client.query<{ name: string }>('select name from public.migrations order by id'),
    );
    const later = await upgrade(database);
    const inOrder = [...ofRelease.rows.map(({ name }) => name), ...later];
    expect(inOrder).toEqual(migrations.map((Migration) => new Migration().name));
    expect(await upgrade(database)).toEqual([]);
  });

  it('should be expanded by the migrations such that its code still works as before', async () => {
    const [before, after] = [await released(), await released()];
    await upgrade(after);
    const [was, is] = [await replay(before), await replay(after)];
    // `returning *` brings new columns, which the old code does not look at.
    const asBefore = is.map((outcome, at) => ({
      ...outcome,
      columns: outcome.columns.filter((name) => !/\*$/.test(outcome.sql) || was[at]?.columns.includes(name)),
    }));
    expect(asBefore).toEqual(was);
  });

  it('should keep what it holds, and let the old code read it, when it is migrated with data in it', async () => {
    const database = await released();
    await replay(database);
    const isRead = ({ sql, role }: Statement) => /^select/i.test(sql) && role === 'app';
    const [rows, reads] = [await contentOf(database), await replay(database, isRead)];
    expect(Object.values(rows).flat().length).toBeGreaterThan(10);
    await upgrade(database);
    expect(await replay(database, isRead)).toEqual(reads);
    const now = await contentOf(database, Object.keys(rows));
    for (const [table, before] of Object.entries(rows)) {
      const known = new Set(Object.keys(before[0] ?? {}));
      const withoutNew = (row: object) =>
        Object.fromEntries(Object.entries(row).filter(([name]) => known.has(name)));
      expect(now[table]?.map(withoutNew)).toEqual(before);
    }
  });

  /** Rows by table, as a superuser sees them. */
  async function contentOf(database: string, tables?: string[]): Promise<Record<string, object[]>> {
    return withClient(at('MODELPLANE_TEST_ADMIN_URL', database), async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
         and relname <> 'migrations' order by 1`,
      );
      const content: Record<string, object[]> = {};
      for (const name of tables ?? rows.map((row) => row.name)) {
        const found = await client.query<{ row: object }>(
          `select to_jsonb(t) as row from ${name} t order by t::text`,
        );
        content[name] = found.rows.map(({ row }) => row);
      }
      return content;
    });
  }
});
