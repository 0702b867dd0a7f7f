import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { ObjectNotFound, type ObjectStore } from '#libs/object-store';
import { VERSION } from '../../config/project.js';
import { ARTIFACTS_LOCK } from '../storage/artifacts.js';
import { folderNames } from '../storage/folder-names.js';
import { PLATFORM_BUCKET, TENANTS_BUCKET } from '../storage/grants.js';
import type { ObjectOwner } from '../storage/object-owners.js';
import {
  type BackedUpObject,
  type BackedUpTable,
  BackupError,
  contentFile,
  FORMAT,
  MANIFEST,
  type Manifest,
  OBJECT_LIST,
  tableFile,
} from './backup-format.js';
import { folderOf, refuseDamaged, refuseMissing, requiredObjects } from './owned-objects.js';
import { migrationsOf, PORTABLE_TEXT, quoted, type Table, tablesOf } from './tables.js';

/** Buckets of the platform itself; other buckets are somebody's own, who backs them up or names them. */
const OWN_BUCKETS = [PLATFORM_BUCKET, TENANTS_BUCKET];

const ROWS_AT_ONCE = 500;

export interface BackupOptions {
  /** Login of the role that owns the tables. */
  readonly ownerUrl: string;
  readonly store: ObjectStore;
  readonly owners: readonly ObjectOwner[];
  /** A folder that is empty or does not exist. */
  readonly to: string;
  /** Buckets to take beside the platform's own. */
  readonly buckets?: readonly string[];
}

/**
 * Writes the whole installation to a folder while it runs: the tables as one snapshot shows them, and at least every
 * object that they name.
 * @throws BackupError where it would not be whole
 */
export async function backup({
  ownerUrl,
  store,
  owners,
  to,
  buckets = [],
}: BackupOptions): Promise<Manifest> {
  await makeEmptyFolder(to);
  const client = new Client({ connectionString: ownerUrl, application_name: 'modelplane backup' });
  // The statement under way, or the next one, says it too; without a listener the process would just end.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(PORTABLE_TEXT);
    await keepArtifacts(client, store);
    await client.query('begin transaction isolation level repeatable read, read only');
    const { rows } = await client.query<{ now: Date }>('select now()');
    const migrations = await migrationsOf(client);
    const found = await tablesOf(client);
    const tables: BackedUpTable[] = [];
    for (const table of found) tables.push(await writeTable(client, table, tableFile(to, table.name)));
    const required = await requiredObjects(client, owners);
    await client.query('commit');
    const written = await writeObjects(store, owners, [...new Set([...OWN_BUCKETS, ...buckets])], to);
    refuseMissing(required, written);
    const objects = await writeObjectList(written, to);
    const created_at = (rows[0] as { now: Date }).now.toISOString();
    const manifest: Manifest = { format: FORMAT, version: VERSION, created_at, migrations, tables, objects };
    // By name at last, so that a backup that was interrupted is not taken for one.
    const unfinished = join(to, `${MANIFEST}.part`);
    await writeFile(unfinished, `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
    await rename(unfinished, join(to, MANIFEST));
    return manifest;
  } finally {
    await client.end();
  }
}

async function makeEmptyFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new BackupError(`${folder} is not empty`);
  for (const part of ['tables', 'objects']) await mkdir(join(folder, part), { mode: 0o700 });
}

/** Until the session ends, no artifact is swept: a model deleted meanwhile is in the snapshot and needs its own. */
async function keepArtifacts(client: Client, store: ObjectStore): Promise<void> {
  for (const tenant of await folderNames(store, ''))
    await client.query(`select pg_advisory_lock_shared(${ARTIFACTS_LOCK})`, [tenant]);
}

async function writeTable(client: Client, { name, columns }: Table, file: string): Promise<BackedUpTable> {
  const texts = columns.map((column) => `${quoted(column.name)}::text`).join(', ');
  await client.query(
    `declare backed_up no scroll cursor for select array_to_json(array[${texts}])::text as line from ${quoted(name)}`,
  );
  const hash = createHash('sha256');
  let count = 0;
  await pipeline(
    async function* () {
      for (;;) {
        const { rows } = await client.query<{ line: string }>(`fetch ${ROWS_AT_ONCE} from backed_up`);
        if (rows.length === 0) return;
        const lines = rows.map(({ line }) => `${line}\n`).join('');
        hash.update(lines);
        count += rows.length;
        yield lines;
      }
    },
    createWriteStream(file, { flush: true, mode: 0o600 }),
  );
  await client.query('close backed_up');
  return { name, columns: columns.map((column) => column.name), rows: count, sha256: hash.digest('hex') };
}

/**
 * Writes the content of every object that is there, but what its owners say not to back up. What is deleted meanwhile
 * is left out.
 * @throws BackupError where one has other content than its name says
 */
async function writeObjects(
  store: ObjectStore,
  owners: readonly ObjectOwner[],
  buckets: readonly string[],
  to: string,
): Promise<BackedUpObject[]> {
  const written: BackedUpObject[] = [];
  for (const bucket of buckets) {
    for await (const { key } of store.listAll({ bucket, prefix: '' })) {
      if (folderOf(owners, { bucket, key })?.isBackedUp === false) continue;
      const content = await writeContent(store, bucket, key, to);
      if (!content) continue;
      const object = { bucket, key, ...content };
      refuseDamaged(owners, object);
      written.push(object);
    }
  }
  return written;
}

async function writeObjectList(written: readonly BackedUpObject[], to: string): Promise<Manifest['objects']> {
  const text = written.map((object) => `${JSON.stringify(object)}\n`).join('');
  await writeFile(join(to, OBJECT_LIST), text, { flush: true, mode: 0o600 });
  const bytes = written.reduce((sum, { size }) => sum + size, 0);
  return { count: written.length, bytes, sha256: createHash('sha256').update(text).digest('hex') };
}

async function writeContent(
  store: ObjectStore,
  bucket: string,
  key: string,
  to: string,
): Promise<{ size: number; sha256: string } | null> {
  const arriving = join(to, 'objects', 'arriving');
  const hash = createHash('sha256');
  let size = 0;
  try {
    const { stream } = await store.get({ bucket, key });
    await pipeline(
      stream,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          size += chunk.length;
          yield chunk;
        }
      },
      createWriteStream(arriving, { flush: true, mode: 0o600 }),
    );
  } catch (error) {
    if (error instanceof ObjectNotFound) return null;
    throw error;
  }
  const sha256 = hash.digest('hex');
  await rename(arriving, contentFile(to, sha256));
  return { size, sha256 };
}
