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
  /**
   * The bytes that entries are sorted by, each as one character: keys in a folder go on with a slash, so that `a-b`
   * comes before `a/b`.
   */
  readonly order: string;
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
  const after = bytesOf(options.after);
  for (const entry of await readEntries(folder, folderKey, options)) {
    if (!entry.isFolder) {
      if (entry.order > after) yield { key: entry.key, path: entry.path };
      continue;
    }
    const isBehind = entry.order < after && !after.startsWith(entry.order);
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
  const entries = new Map<string, Entry>();
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
    const order = bytesOf(isFolder ? `${key}/` : key);
    entries.set(order, { key, order, path: join(folder, name), isFolder });
  }
  // Sorting texts without a function of ours is several times as fast, and holds the thread that long.
  return [...entries.keys()].sort().map((order) => entries.get(order)!);
}

function isAddressable(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}

/** The UTF-8 bytes of a text, each as one character. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}
