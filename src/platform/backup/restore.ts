import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { ObjectExists, type ObjectStore } from '#libs/object-store';
import type { ObjectOwner } from '../storage/object-owners.js';
import {
  type BackedUpObject,
  type BackedUpTable,
  BackupError,
  contentFile,
  digestOfFile,
  FORMAT,
  MANIFEST,
  type Manifest,
  OBJECT_LIST,
  tableFile,
} from './backup-format.js';
import { refuseDamaged, refuseMissing, requiredObjects } from './owned-objects.js';
import { migrationsOf, PORTABLE_TEXT, quoted, type Table, tablesOf } from './tables.js';

const ROWS_AT_ONCE = 500;

export interface RestoreOptions {
  /** Login of the role that owns the tables. */
  readonly ownerUrl: string;
  readonly store: ObjectStore;
  readonly owners: readonly ObjectOwner[];
  /** The folder that `backup` wrote. */
  readonly from: string;
}

/**
 * Fills an empty installation that has the same migrations. The backup is checked whole before anything is written;
 * the rows appear all at once, after the objects. Interrupted, it can be given again.
 * @throws BackupError where the backup is damaged, or the installation is not empty or differently migrated
 */
export async function restore({ ownerUrl, store, owners, from }: RestoreOptions): Promise<Manifest> {
  const manifest = await readManifest(from);
  const objects = await checkFiles(manifest, from);
  for (const object of objects) refuseDamaged(owners, object);
  const client = new Client({ connectionString: ownerUrl, application_name: 'modelplane restore' });
  // The statement under way, or the next one, says it too; without a listener the process would just end.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(PORTABLE_TEXT);
    refuseOtherMigrations(manifest.migrations, await migrationsOf(client));
    const tables = tablesFor(manifest, await tablesOf(client));
    await refuseRows(client, tables);
    await refuseForeignObjects(store, objects);
    for (const object of objects) await putObject(store, object, from);

    await client.query('begin');
    await client.query(
      `lock table ${tables.map(({ name }) => quoted(name)).join(', ')} in access exclusive mode`,
    );
    await refuseRows(client, tables);
    // A row may refer to a later one of its own table.
    await client.query('set constraints all deferred');
    // What a migration wrote itself, such as the first catalogue revision, is in the backup as it was.
    for (const { name } of tables.toReversed()) await client.query(`delete from ${quoted(name)}`);
    for (const table of tables) await readTable(client, table, tableFile(from, table.name));
    await continueSequences(client);
    refuseMissing(await requiredObjects(client, owners), objects);
    await client.query('commit');
    return manifest;
  } finally {
    await client.end();
  }
}

async function readManifest(from: string): Promise<Manifest> {
  const file = join(from, MANIFEST);
  if (!existsSync(file))
    throw new BackupError(`${from} is no backup, or one that was interrupted: it has no ${MANIFEST}`);
  let manifest: Manifest;
  try {
    manifest = JSON.parse(await readFile(file, 'utf8'));
  } catch {
    throw new BackupError(`${file} is damaged: it is no JSON`);
  }
  if (manifest.format !== FORMAT)
    throw new BackupError(`${file} has the format ${manifest.format}; this version reads format ${FORMAT}`);
  return manifest;
}

/** Every file against its SHA-256. */
async function checkFiles(manifest: Manifest, from: string): Promise<BackedUpObject[]> {
  for (const { name, sha256 } of manifest.tables) await checkFile(tableFile(from, name), sha256);
  const list = join(from, OBJECT_LIST);
  await checkFile(list, manifest.objects.sha256);
  const lines = (await readFile(list, 'utf8')).split('\n').filter(Boolean);
  const objects = lines.map((line) => JSON.parse(line) as BackedUpObject);
  for (const sha256 of new Set(objects.map((object) => object.sha256)))
    await checkFile(contentFile(from, sha256), sha256);
  return objects;
}

async function checkFile(file: string, sha256: string): Promise<void> {
  if (!existsSync(file)) throw new BackupError(`the backup is damaged: ${file} is missing`);
  const found = await digestOfFile(file);
  if (found !== sha256)
    throw new BackupError(
      `the backup is damaged: ${file} has the SHA-256 ${found}, and ${sha256} was written`,
    );
}

function refuseOtherMigrations(wanted: readonly string[], found: readonly string[]): void {
  const lacking = wanted.filter((name) => !found.includes(name));
  const further = found.filter((name) => !wanted.includes(name));
  if (lacking.length + further.length === 0) return;
  throw new BackupError(
    [
      'the database is not migrated as the backup was',
      ...(lacking.length ? [`it lacks ${lacking.join(', ')}`] : []),
      ...(further.length ? [`it has ${further.join(', ')} beyond it`] : []),
      'restore with the version that made the backup, and migrate afterwards',
    ].join('; '),
  );
}

/** The tables of the database in the backup's order, with the backup's columns. */
function tablesFor(manifest: Manifest, found: readonly Table[]): Table[] {
  return manifest.tables.map(({ name, columns }: BackedUpTable) => {
    const table = found.find((each) => each.name === name);
    const own = columns.map((column) => table?.columns.find((each) => each.name === column));
    if (!table || own.includes(undefined))
      throw new BackupError(`the table ${name} of the database is not that of the backup`);
    return { ...table, columns: own as Table['columns'] };
  });
}

async function refuseRows(client: Client, tables: readonly Table[]): Promise<void> {
  const filled: string[] = [];
  for (const { name } of tables.filter(({ hasTenant }) => hasTenant)) {
    const { rows } = await client.query(`select exists (select from ${quoted(name)}) as has_rows`);
    if (rows[0].has_rows) filled.push(name);
  }
  if (filled.length > 0)
    throw new BackupError(
      `the installation is not empty: ${filled.join(', ')} have rows. Restore into a new database`,
    );
}

/** Objects of the backup itself may be there: an earlier restore may have been interrupted. */
async function refuseForeignObjects(store: ObjectStore, objects: readonly BackedUpObject[]): Promise<void> {
  const own = new Set(objects.map(({ bucket, key }) => `${bucket}/${key}`));
  for (const bucket of new Set(objects.map((object) => object.bucket))) {
    for await (const { key } of store.listAll({ bucket, prefix: '' })) {
      if (!own.has(`${bucket}/${key}`))
        throw new BackupError(
          `the installation is not empty: s3://${bucket}/${key} is not of this backup. Restore into an empty object store`,
        );
    }
  }
}

async function putObject(
  store: ObjectStore,
  { bucket, key, sha256 }: BackedUpObject,
  from: string,
): Promise<void> {
  const address = { bucket, key };
  try {
    await store.put(address, createReadStream(contentFile(from, sha256)), { ifAbsent: true, sha256 });
  } catch (error) {
    if (!(error instanceof ObjectExists)) throw error;
    const hash = createHash('sha256');
    await pipeline((await store.get(address)).stream, hash);
    if (hash.digest('hex') !== sha256)
      throw new BackupError(`s3://${bucket}/${key} exists and has other content than in the backup`);
  }
}

async function readTable(client: Client, { name, columns }: Table, file: string): Promise<void> {
  const values = columns.map(({ type }, at) => `(line ->> ${at})::${type}`).join(', ');
  const insert = `insert into ${quoted(name)} (${columns.map((column) => quoted(column.name)).join(', ')})
    overriding system value select ${values} from json_array_elements($1::json) line`;
  let lines: string[] = [];
  const flush = async () => {
    if (lines.length > 0) await client.query(insert, [`[${lines.join(',')}]`]);
    lines = [];
  };
  for await (const line of linesOf(file)) {
    if (lines.push(line) === ROWS_AT_ONCE) await flush();
  }
  await flush();
}

/** Numbers that a sequence gives go on after those restored. */
async function continueSequences(client: Client): Promise<void> {
  const { rows } = await client.query<{ sequence: string; table: string; column: string }>(`
    select quote_ident(s.relname) as sequence, quote_ident(c.relname) as table, quote_ident(a.attname) as column
    from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
      join pg_class c on c.oid = d.refobjid
      join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
    where d.deptype in ('a', 'i') and c.relnamespace = 'public'::regnamespace and c.relname <> 'migrations'`);
  for (const { sequence, table, column } of rows)
    await client.query(
      `select setval('${sequence}', max(${column})) from ${table} having max(${column}) is not null`,
    );
}

/** Not `node:readline`, which takes U+2028 in a text for the end of a line. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, 'utf8')) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    yield* lines;
  }
}
