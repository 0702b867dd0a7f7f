import type { Client } from 'pg';
import { BackupError } from './backup-format.js';

export interface Table {
  readonly name: string;
  /** Without generated ones. */
  readonly columns: readonly Column[];
  readonly hasTenant: boolean;
}

export interface Column {
  readonly name: string;
  /** As a cast takes it, for example `timestamp with time zone`. */
  readonly type: string;
}

/** The table in which the migrations are counted: it belongs to the schema, not to what the schema holds. */
const MIGRATIONS = 'migrations';

/**
 * Predictions come by the thousand a second and are deleted after days, with counts of them: a text file of them helps
 * nobody. Who must keep them exports them, or copies the database with PostgreSQL's own means. Tasks are of the processes
 * that run. What tenants keep is counted anew from what is restored.
 */
const LEFT_OUT = ['prediction_log', 'prediction_counts', 'tasks', 'stored_items', 'stored_bytes'];

export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/** Text that any session reads back as the same value, whatever the server's settings. */
export const PORTABLE_TEXT = `set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres';
  set bytea_output = 'hex'; set extra_float_digits = 1; set statement_timeout = 0; set lock_timeout = '60s'`;

/** Names of the migrations that ran, in their order. @throws BackupError where none has */
export async function migrationsOf(client: Client): Promise<string[]> {
  const { rows: found } = await client.query(
    `select to_regclass('public.${MIGRATIONS}') is not null as is_there`,
  );
  if (!found[0].is_there)
    throw new BackupError(
      'the database has no tables of Modelplane: bring it to this version with npm run migrate',
    );
  const { rows } = await client.query(`select name from ${MIGRATIONS} order by id`);
  return rows.map(({ name }) => name);
}

/**
 * Every table that is backed up, those that others refer to first.
 * @throws BackupError where this login would not see every row, or the references go round in a circle
 */
export async function tablesOf(client: Client): Promise<Table[]> {
  await refuseHiddenRows(client);
  const { rows: columns } = await client.query<{ table: string; column: string; type: string }>(
    `select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname <> '${MIGRATIONS}' and c.relname <> all ($1) and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    order by c.relname, a.attnum`,
    [LEFT_OUT],
  );
  const { rows: references } = await client.query<{ from: string; to: string }>(`
    select distinct c.relname as from, f.relname as to
    from pg_constraint x join pg_class c on c.oid = x.conrelid join pg_class f on f.oid = x.confrelid
    where x.contype = 'f' and x.connamespace = 'public'::regnamespace`);
  const byName = new Map<string, Column[]>();
  for (const { table, column, type } of columns)
    byName.set(table, [...(byName.get(table) ?? []), { name: column, type }]);
  return inOrder([...byName.keys()], references).map((name) => {
    const own = byName.get(name) as Column[];
    return { name, columns: own, hasTenant: own.some((column) => column.name === 'tenant_id') };
  });
}

/** The names such that each stands after those it refers to; a reference to itself does not count. */
export function inOrder(
  names: readonly string[],
  references: readonly { from: string; to: string }[],
): string[] {
  const ordered: string[] = [];
  for (let left = [...names]; left.length > 0;) {
    const waits = (name: string) =>
      references.some(({ from, to }) => from === name && to !== name && left.includes(to));
    const ready = left.filter((name) => !waits(name));
    if (ready.length === 0)
      throw new BackupError(`the tables ${left.join(', ')} refer to each other in a circle`);
    ordered.push(...ready);
    left = left.filter(waits);
  }
  return ordered;
}

/** Row-level security would leave rows out without a word. */
async function refuseHiddenRows(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relrowsecurity
      and not (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)
      and not exists (
        select from pg_policy, unnest(polroles) role
        where polrelid = pg_class.oid and polpermissive and polcmd = '*'
          and pg_get_expr(polqual, polrelid) = 'true' and role <> 0 and pg_has_role(role, 'usage'))
    order by relname`);
  if (rows.length > 0) {
    const hidden = rows.map(({ name }) => name).join(', ');
    throw new BackupError(
      `the login of MODELPLANE_DATABASE_MIGRATION_URL does not see every row of ${hidden}: use the role that owns the tables`,
    );
  }
}
