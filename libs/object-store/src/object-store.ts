import type { Readable } from 'node:stream';
import { checkBucket, checkCharacters, checkKey, type ObjectAddress } from './object-uri.js';

export interface ObjectInfo {
  /** Bytes. */
  readonly size: number;
  /** Opaque, without quotes; changes whenever the content does. */
  readonly etag: string;
  readonly lastModified: Date;
}

export interface ListedObject extends ObjectInfo {
  readonly key: string;
}

export interface PutOptions {
  /** Only one of any number of concurrent writers succeeds; the others get `ObjectExists`. */
  readonly ifAbsent?: boolean;
  /** Refuse with `ObjectTooLarge` once more bytes than this have arrived. */
  readonly maxBytes?: number;
  /** Lower-case hex digest the content must have, else `DigestMismatch`. */
  readonly sha256?: string;
  readonly signal?: AbortSignal;
}

export interface StoredObject {
  readonly size: number;
  /** Lower-case hex digest of what was stored. */
  readonly sha256: string;
  readonly etag: string;
}

/** Byte positions, both inclusive as in HTTP; without `end`, or past the last byte, up to the last byte. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

export interface ObjectContent extends ObjectInfo {
  /** Must be read to its end or destroyed: it holds a file or a connection open. */
  readonly stream: Readable;
  /** The bytes that `stream` yields, when a range was asked for. `size` stays that of the whole object. */
  readonly range: Required<ByteRange> | null;
}

export interface ListOptions {
  readonly bucket: string;
  /** Any start of a key, not only a folder. */
  readonly prefix: string;
  /** Only keys after this one in the order of the listing. */
  readonly after?: string;
  /** At most this many; default and ceiling 1,000, as in S3. */
  readonly limit?: number;
}

export interface ObjectPage {
  /**
   * In UTF-8 byte order of the keys, as S3 has it; SeaweedFS goes folder by folder, so that `a/2` comes before
   * `a-b`. Each order is total, and `after` follows it.
   */
  readonly objects: ListedObject[];
  /** There is more after the last one. */
  readonly truncated: boolean;
}

/**
 * Whole objects under `s3://bucket/key`. The promises are those of S3: what `put` has acknowledged is durable
 * and seen by every later read; an object appears whole or not at all; there is no rename and no append.
 * Every method throws `InvalidObjectUri` for an address that breaks the rules of `parseObjectUri`, and
 * `ObjectStoreUnavailable` where a server keeps the objects and does not do its part.
 */
export interface ObjectStore {
  /**
   * Stores a whole object, replacing the one there. A failed or aborted put leaves nothing behind.
   * @throws ObjectExists, ObjectTooLarge, DigestMismatch, ObjectConflict, ObjectStoreFull
   */
  put(address: ObjectAddress, body: Readable | Uint8Array, options?: PutOptions): Promise<StoredObject>;

  /** @throws ObjectNotFound, InvalidRange */
  get(address: ObjectAddress, options?: { readonly range?: ByteRange }): Promise<ObjectContent>;

  /** @throws ObjectNotFound */
  head(address: ObjectAddress): Promise<ObjectInfo>;

  /** Deleting what does not exist is no error. */
  delete(address: ObjectAddress): Promise<void>;

  /** A bucket or folder that does not exist has no objects. */
  list(options: ListOptions): Promise<ObjectPage>;

  /**
   * Yields every object that `list` would give page by page, in one pass. Whether an object that is put or deleted
   * meanwhile is among them is open.
   */
  listAll(options: Pick<ListOptions, 'bucket' | 'prefix'>): AsyncIterable<ListedObject>;

  /**
   * Stores the content of one object under another address; for publishing what an attempt wrote. The digest
   * is computed from the bytes copied, so `sha256` proves the published object.
   * @throws ObjectNotFound, ObjectExists, ObjectTooLarge, DigestMismatch, ObjectConflict
   */
  copy(from: ObjectAddress, to: ObjectAddress, options?: PutOptions): Promise<StoredObject>;

  /**
   * A URL under which whoever holds it may read or write the object until it expires; only for stores that
   * callers can reach themselves.
   */
  presign?(address: ObjectAddress, method: 'GET' | 'PUT', expiresInSeconds: number): Promise<string>;
}

export const MAX_LIST_LIMIT = 1000;

/** @throws InvalidObjectUri, RangeError */
export function checkListing({ bucket, prefix, limit = MAX_LIST_LIMIT }: ListOptions): void {
  checkBucket(bucket);
  checkCharacters(prefix);
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (folder !== '') checkKey(folder.slice(0, -1));
  if (!Number.isInteger(limit) || limit < 1)
    throw new RangeError(`limit must be a positive integer, got ${limit}`);
}
