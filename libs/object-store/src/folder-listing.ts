import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isMissing, isThere } from './folder-files.js';
import { checkKey } from './object-uri.js';

const ENTRIES_AT_ONCE = 1000;

export interface WalkOptions {
  /** The folder that holds the bucket, in a root without symbolic links. */
  readonly bucketFolder: string;
  readonly prefix: string;
  readonly after: string;
}

interface Entry {
  readonly key: string;
  /** The bytes that entries are sorted by: keys in a folder go on with a slash, so that `a-b` comes before `a/b`. */
  readonly order: Buffer;
  readonly path: string;
  readonly isFolder: boolean;
}

/**
 * Yields the objects of a bucket in UTF-8 byte order of their keys, folder by folder. Folders that `prefix` or `after`
 * exclude are not opened, symbolic links are left out, and only the names of the folders on the way down are in memory.
 */
export async function* walk(options: WalkOptions): AsyncGenerator<{ key: string; path: string }> {
  const { bucketFolder, prefix } = options;
  const folderKey = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const start = join(bucketFolder, folderKey.slice(0, -1));
  if (await isThere(start)) yield* walkFolder(start, folderKey, options);
}

async function* walkFolder(
  folder: string,
  folderKey: string,
  options: WalkOptions,
): AsyncGenerator<{ key: string; path: string }> {
  const after = Buffer.from(options.after);
  for (const entry of await readEntries(folder, folderKey, options)) {
    if (!entry.isFolder) {
      if (after.length === 0 || entry.order.compare(after) > 0) yield { key: entry.key, path: entry.path };
      continue;
    }
    const isBehind = entry.order.compare(after) < 0 && !startsWith(after, entry.order);
    if (!isBehind) yield* walkFolder(entry.path, `${entry.key}/`, options);
  }
}

async function readEntries(folder: string, folderKey: string, options: WalkOptions): Promise<Entry[]> {
  let names: Dirent<Buffer>[];
  try {
    names = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const entries: Entry[] = [];
  for (const [at, dirent] of names.entries()) {
    // A folder of a hundred thousand names would hold the thread for half a second.
    if (at % ENTRIES_AT_ONCE === ENTRIES_AT_ONCE - 1) await setImmediate();
    const name = dirent.name.toString('utf8');
    const key = folderKey + name;
    // A file that was copied in under a name that no URI can spell is not an object.
    if (!key.startsWith(options.prefix) || !isAddressable(key) || !Buffer.from(name).equals(dirent.name))
      continue;
    const isFolder = dirent.isDirectory();
    if (!isFolder && !dirent.isFile()) continue;
    entries.push({ key, order: Buffer.from(isFolder ? `${key}/` : key), path: join(folder, name), isFolder });
  }
  return entries.sort((left, right) => left.order.compare(right.order));
}

function isAddressable(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}

function startsWith(text: Buffer, start: Buffer): boolean {
  return text.subarray(0, start.length).equals(start);
}
