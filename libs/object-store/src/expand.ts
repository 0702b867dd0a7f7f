import { setImmediate } from 'node:timers/promises';
import { InvalidObjectUri, ObjectNotFound, TooManyObjects } from './errors.js';
import { compileGlob, firstWildcard, isHiddenName, type KeyMatcher } from './glob.js';
import type { ListedObject, ObjectStore } from './object-store.js';
import { checkCharacters, checkKey, splitUri, type ObjectAddress } from './object-uri.js';

/** The thread is given to others after so long. */
const MAX_BLOCKING_MS = 5;

/** What a caller may write where data is read: one object, a folder of objects, or a glob. */
export type ObjectPattern =
  /** An object, or, when there is none of this name, the folder of this name. */
  | { readonly kind: 'path'; readonly bucket: string; readonly key: string }
  | { readonly kind: 'folder'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'glob'; readonly bucket: string; readonly prefix: string; readonly matches: KeyMatcher };

export interface ExpandOptions {
  /** More objects than this are refused with `TooManyObjects`; default 10,000. */
  readonly limit?: number;
  /** Objects looked at on the way, so that a glob over a huge folder ends; default 100,000. */
  readonly scanLimit?: number;
  /** Told how many objects were looked at, also where they were too many. */
  readonly onScanned?: (objects: number) => void;
}

/**
 * Parses `s3://bucket/file`, `s3://bucket/folder/` or a glob such as `s3://bucket/2026-*` + `/part-?.parquet`.
 * @throws InvalidObjectUri naming the fault; the bucket takes no wildcards.
 */
export function parseObjectPattern(text: string): ObjectPattern {
  const { bucket, rest } = splitUri(text);
  const wildcard = firstWildcard(rest);
  if (wildcard < 0) {
    if (rest === '') return { kind: 'folder', bucket, prefix: '' };
    checkKey(rest.endsWith('/') ? rest.slice(0, -1) : rest);
    if (rest.endsWith('/')) return { kind: 'folder', bucket, prefix: rest };
    return { kind: 'path', bucket, key: rest };
  }
  checkCharacters(rest);
  if (Buffer.byteLength(rest) > 1024) throw new InvalidObjectUri('the pattern is longer than 1024 bytes');
  if (rest.endsWith('/'))
    throw new InvalidObjectUri(`the pattern "${rest}" must name objects: end it with /* or /**`);
  for (const segment of rest.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') {
      throw new InvalidObjectUri(`the pattern "${rest}" has the segment "${segment}"`);
    }
  }
  return { kind: 'glob', bucket, prefix: literalKeyPrefix(rest), matches: compileGlob(rest) };
}

/**
 * What a grant must cover before a pattern is looked at: `s3://bucket/` with the key up to the last slash
 * before the first wildcard, or the whole text when there is none. Everything the pattern can name starts so.
 * @throws InvalidObjectUri
 */
export function literalPrefix(text: string): string {
  const pattern = parseObjectPattern(text);
  return pattern.kind === 'glob' ? `s3://${pattern.bucket}/${pattern.prefix}` : text;
}

/**
 * The objects that a pattern names, sorted by key in UTF-8 byte order; empty when there is none. In folders,
 * and wherever a wildcard stands, names starting with `_` or `.` (`_SUCCESS`, `.x.crc`) and what lies below
 * them are skipped.
 * @throws InvalidObjectUri, also for a glob that costs too much time; TooManyObjects
 */
export async function expand(
  store: ObjectStore,
  text: string,
  { limit = 10_000, scanLimit = 100_000, onScanned }: ExpandOptions = {},
): Promise<(ListedObject & ObjectAddress)[]> {
  const pattern = parseObjectPattern(text);
  const { bucket } = pattern;
  if (pattern.kind === 'path') {
    const object = await headIfPresent(store, { bucket, key: pattern.key });
    if (object) return [object];
  }
  const prefix = pattern.kind === 'path' ? `${pattern.key}/` : pattern.prefix;
  const wanted: KeyMatcher =
    pattern.kind === 'glob'
      ? pattern.matches
      : (key) => !key.slice(prefix.length).split('/').some(isHiddenName);

  const found: (ListedObject & ObjectAddress)[] = [];
  let scanned = 0;
  let pausedAt = performance.now();
  try {
    for await (const object of store.listAll({ bucket, prefix })) {
      if (++scanned > scanLimit) {
        throw new TooManyObjects(
          `${text} has more than ${scanLimit} objects to look through; name a narrower folder`,
        );
      }
      if (wanted(object.key)) found.push({ ...object, bucket });
      if (found.length > limit) throw new TooManyObjects(`${text} names more than ${limit} objects`);
      // A page of a server comes all at once, and to compare its keys with a pattern may take long.
      if (performance.now() - pausedAt > MAX_BLOCKING_MS) {
        await setImmediate();
        pausedAt = performance.now();
      }
    }
  } finally {
    onScanned?.(scanned);
  }
  return found.sort(byKey);
}

/** UTF-8 byte order, in which most servers list already. */
function byKey(one: ListedObject, other: ListedObject): number {
  return Buffer.compare(Buffer.from(one.key), Buffer.from(other.key));
}

async function headIfPresent(
  store: ObjectStore,
  address: ObjectAddress,
): Promise<(ListedObject & ObjectAddress) | null> {
  try {
    return { ...(await store.head(address)), ...address };
  } catch (error) {
    if (error instanceof ObjectNotFound) return null;
    throw error;
  }
}

function literalKeyPrefix(glob: string): string {
  return glob.slice(0, glob.lastIndexOf('/', firstWildcard(glob)) + 1);
}
