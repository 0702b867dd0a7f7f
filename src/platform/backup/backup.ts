import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { type ListedObject, ObjectNotFound, type ObjectStore } from '#libs/object-store';
import { VERSION } from '../../config/project.js';
import { ARTIFACTS_LOCK } from '../storage/artifacts.js';
import { PLATFORM_BUCKET, TENANTS_BUCKET } from '../storage/grants.js';
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
import { migrationsOf, PORTABLE_TEXT, quoted, type Table, tablesOf } from './tables.js';

/** Columns of these names, in whichever table, name artifacts of the row's tenant. */
export const ARTIFACT_COLUMNS = ['sha256'];

/** Buckets of the platform itself; other buckets are somebody's own, who backs them up or names them. */
const OWN_BUCKETS = [PLATFORM_BUCKET, TENANTS_BUCKET];

/** What a job writes before it ends: a job that ran is claimed again after a restore and writes it anew. */
const ATTEMPTS = /^[^/]+\/jobs\//;
const ARTIFACT = /^([^/]+)\/artifacts\/([0-9a-f]{64})$/;

const ROWS_AT_ONCE = 500;

export interface BackupOptions {
  /** Login of the role that owns the tables. */
  readonly ownerUrl: string;
  readonly store: ObjectStore;
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
export async function backup({ ownerUrl, store, to, buckets = [] }: BackupOptions): Promise<Manifest> {
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
    const named = await namedArtifacts(client, found);
    await client.query('commit');
    const objects = await writeObjects(store, [...new Set([...OWN_BUCKETS, ...buckets])], to, named);
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
  const tenants = new Set<string>();
  for await (const { key } of listed(store, PLATFORM_BUCKET)) tenants.add(key.split('/')[0] as string);
  for (const tenant of tenants)
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

/** `tenant/digest` of every artifact that a row of the snapshot names. */
async function namedArtifacts(client: Client, tables: readonly Table[]): Promise<Set<string>> {
  const named = new Set<string>();
  for (const { name, columns, hasTenant } of tables) {
    for (const column of columns.filter((each) => hasTenant && ARTIFACT_COLUMNS.includes(each.name))) {
      const { rows } = await client.query<{ artifact: string }>(
        `select distinct tenant_id || '/' || ${quoted(column.name)} as artifact from ${quoted(name)}
         where ${quoted(column.name)} is not null`,
      );
      for (const { artifact } of rows) named.add(artifact);
    }
  }
  return named;
}

/** @throws BackupError where a named artifact is missing or has other content than its name says */
async function writeObjects(
  store: ObjectStore,
  buckets: readonly string[],
  to: string,
  named: ReadonlySet<string>,
): Promise<Manifest['objects']> {
  const missing = new Set(named);
  const lines: string[] = [];
  let bytes = 0;
  for (const bucket of buckets) {
    for await (const { key } of listed(store, bucket)) {
      if (bucket === PLATFORM_BUCKET && ATTEMPTS.test(key)) continue;
      const content = await writeContent(store, bucket, key, to);
      if (!content) continue; // deleted since it was listed; a named artifact is missed below
      const [, tenant, digest] = (bucket === PLATFORM_BUCKET && ARTIFACT.exec(key)) || [];
      if (digest && digest !== content.sha256)
        throw new BackupError(
          `the artifact s3://${bucket}/${key} is damaged: its SHA-256 is ${content.sha256}`,
        );
      missing.delete(`${tenant}/${digest}`);
      lines.push(`${JSON.stringify({ bucket, key, ...content } satisfies BackedUpObject)}\n`);
      bytes += content.size;
    }
  }
  if (missing.size > 0) {
    const some = [...missing].slice(0, 5).join(', ');
    throw new BackupError(
      `the object store lacks ${missing.size} artifacts that models are made of: ${some}`,
    );
  }
  const text = lines.join('');
  await writeFile(join(to, OBJECT_LIST), text, { flush: true, mode: 0o600 });
  return { count: lines.length, bytes, sha256: createHash('sha256').update(text).digest('hex') };
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

/** Every object of a bucket. */
export async function* listed(store: ObjectStore, bucket: string): AsyncGenerator<ListedObject> {
  for (let after: string | undefined, truncated = true; truncated;) {
    const page = await store.list({ bucket, prefix: '', after });
    yield* page.objects;
    ({ truncated } = page);
    after = page.objects.at(-1)?.key;
  }
}
