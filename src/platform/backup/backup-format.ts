import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/*
 * A backup is a folder:
 *   backup.json       the manifest, written last: a folder without one is no backup
 *   tables/NAME.jsonl a line a row: its columns in the manifest's order, each in PostgreSQL's own text, or null
 *   objects.jsonl     a line an object: where it was, its size and SHA-256
 *   objects/SHA-256   contents, each once
 */
export const FORMAT = 1;
export const MANIFEST = 'backup.json';
export const OBJECT_LIST = 'objects.jsonl';

export interface Manifest {
  readonly format: number;
  /** Of the software that wrote it. */
  readonly version: string;
  /** ISO 8601, of the snapshot. */
  readonly created_at: string;
  /** Names of the migrations that the database had, in the order in which they ran. */
  readonly migrations: readonly string[];
  /** Those that others refer to come first. */
  readonly tables: readonly BackedUpTable[];
  readonly objects: { readonly count: number; readonly bytes: number; readonly sha256: string };
}

export interface BackedUpTable {
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: number;
  readonly sha256: string;
}

export interface BackedUpObject {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly sha256: string;
}

/** A backup that cannot be made or used; the message says why, for whoever gave the command. */
export class BackupError extends Error {}

export const tableFile = (folder: string, table: string) => join(folder, 'tables', `${table}.jsonl`);

export const contentFile = (folder: string, sha256: string) => join(folder, 'objects', sha256);

/** Lower-case hex SHA-256 of a file. */
export async function digestOfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
