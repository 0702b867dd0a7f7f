import { randomUUID } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import {
  link,
  lstat,
  mkdir,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Readable } from 'node:stream';
import { resolveRange } from './byte-range.js';
import { InvalidObjectUri, ObjectConflict, ObjectExists, ObjectNotFound, ObjectStoreFull } from './errors.js';
import {
  checkCreatable,
  errorCode,
  etagOf,
  isMissing,
  isThere,
  openRegularFile,
  passesThroughObject,
  pruneEmptyFolders,
  syncFolders,
  type FileFacts,
} from './folder-files.js';
import { writeDurably } from './durable-file.js';
import { walk } from './folder-listing.js';
import {
  checkListing,
  MAX_LIST_LIMIT,
  type ByteRange,
  type ListedObject,
  type ListOptions,
  type ObjectContent,
  type ObjectInfo,
  type ObjectPage,
  type ObjectStore,
  type PutOptions,
  type StoredObject,
} from './object-store.js';
import { checkAddress, formatObjectUri, type ObjectAddress } from './object-uri.js';

/** What tenants keep is for the user of the service alone. */
const FOLDER_MODE = 0o700;
/** No bucket starts with a dot, so no address leads here. It is on the file system of the objects, as rename needs. */
const TEMPORARY_FOLDER = '.tmp';
const STALE_AFTER_MS = 24 * 3600 * 1000;
/** A delete may prune the empty folder that a put has just made; publishing is tried again after each such race. */
const PUBLISH_ATTEMPTS = 50;

/**
 * An object store in a folder: `s3://bucket/key` is the file `root/bucket/key`, and a file that somebody copies
 * there is an object. A symbolic link is none, and no key leads through one. Unlike S3 it cannot keep both `a` and `a/b`
 * (`ObjectConflict`).
 */
export class FolderObjectStore implements ObjectStore {
  private readonly root: string;
  private readonly temporaryFolder: string;

  /** Creates the folder when it is missing and starts to remove temporary files that a crash has left. */
  constructor(root: string) {
    mkdirSync(join(root, TEMPORARY_FOLDER), { recursive: true, mode: FOLDER_MODE });
    this.root = realpathSync(root);
    this.temporaryFolder = join(this.root, TEMPORARY_FOLDER);
    // Leftovers only cost disk space: failing to remove them must not keep a process from starting.
    this.sweep().catch(() => undefined);
  }

  async put(
    address: ObjectAddress,
    body: Readable | Uint8Array,
    options: PutOptions = {},
  ): Promise<StoredObject> {
    const target = this.pathOf(address);
    // Publishing checks all of this again; checking it here saves an upload that could not end well.
    await checkCreatable(dirname(target));
    if (options.ifAbsent && (await exists(target)))
      throw new ObjectExists(`${formatObjectUri(address)} exists`);

    const temporary = join(this.temporaryFolder, `${process.pid}-${randomUUID()}`);
    try {
      const stored = await writeDurably(temporary, body, options);
      await this.publish(temporary, address, options.ifAbsent ?? false);
      return stored;
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')) throw error;
      throw new ObjectStoreFull('the disk of the object store is full', { cause: error });
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(address: ObjectAddress, options: { readonly range?: ByteRange } = {}): Promise<ObjectContent> {
    const handle = await this.openObject(address);
    try {
      const facts = await handle.stat({ bigint: true });
      const info = infoOf(facts);
      const range = options.range ? resolveRange(options.range, info.size) : null;
      const { start, end } = range ?? { start: 0, end: info.size - 1 };
      if (end < start) {
        await handle.close();
        return { ...info, range, stream: Readable.from([]) };
      }
      // The stream always has an end, since a file that somebody is appending to must not yield more than `size`.
      return { ...info, range, stream: handle.createReadStream({ start, end, highWaterMark: 256 * 1024 }) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async head(address: ObjectAddress): Promise<ObjectInfo> {
    const handle = await this.openObject(address);
    try {
      return infoOf(await handle.stat({ bigint: true }));
    } finally {
      await handle.close();
    }
  }

  async delete(address: ObjectAddress): Promise<void> {
    const target = this.pathOf(address);
    const parent = dirname(target);
    if (!(await isThere(parent))) return;
    try {
      if ((await lstat(target)).isDirectory()) return;
      await unlink(target);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    const kept = await pruneEmptyFolders(parent, join(this.root, address.bucket));
    await syncFolders(kept, kept);
  }

  async list({ bucket, prefix, after = '', limit = MAX_LIST_LIMIT }: ListOptions): Promise<ObjectPage> {
    const wanted = Math.min(limit, MAX_LIST_LIMIT);
    const page: ObjectPage & { truncated: boolean } = { objects: [], truncated: false };
    for await (const object of this.objects({ bucket, prefix, after, limit })) {
      if (page.objects.length === wanted) {
        page.truncated = true;
        break;
      }
      page.objects.push(object);
    }
    return page;
  }

  listAll(options: Pick<ListOptions, 'bucket' | 'prefix'>): AsyncIterable<ListedObject> {
    return this.objects(options);
  }

  async copy(from: ObjectAddress, to: ObjectAddress, options: PutOptions = {}): Promise<StoredObject> {
    const { stream } = await this.get(from);
    try {
      return await this.put(to, stream, options);
    } finally {
      stream.destroy();
    }
  }

  /**
   * Removes temporary files that no writer has touched for `olderThanMs` (24 h): what a killed process left.
   * @returns how many.
   */
  async sweep(olderThanMs = STALE_AFTER_MS): Promise<number> {
    let removed = 0;
    for (const name of await readdir(this.temporaryFolder)) {
      const path = join(this.temporaryFolder, name);
      try {
        if (Date.now() - (await stat(path)).mtimeMs <= olderThanMs) continue;
        await rm(path, { force: true });
        removed++;
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
    return removed;
  }

  private async *objects({ bucket, prefix, after = '', limit }: ListOptions): AsyncGenerator<ListedObject> {
    checkListing({ bucket, prefix, limit });
    const bucketFolder = join(this.root, bucket);
    for await (const { key, path } of walk({ bucketFolder, prefix, after })) {
      let info: ObjectInfo;
      try {
        info = infoOf(await lstat(path, { bigint: true }));
      } catch (error) {
        // The object was deleted after its folder was read.
        if (isMissing(error)) continue;
        throw error;
      }
      yield { key, ...info };
    }
  }

  private pathOf(address: ObjectAddress): string {
    checkAddress(address);
    const path = join(this.root, address.bucket, address.key);
    // The rules for addresses leave no way out already; this check stays true should one of them be loosened.
    if (!path.startsWith(this.root + sep))
      throw new InvalidObjectUri('the key leads out of the object store');
    return path;
  }

  private async openObject(address: ObjectAddress): Promise<FileHandle> {
    const path = this.pathOf(address);
    const handle = (await isThere(path)) ? await openRegularFile(path) : null;
    if (handle === null) throw new ObjectNotFound(`${formatObjectUri(address)} does not exist`);
    return handle;
  }

  /** Gives a finished temporary file its key: by link where only the first may win, else by rename. */
  private async publish(temporary: string, address: ObjectAddress, ifAbsent: boolean): Promise<void> {
    const target = this.pathOf(address);
    const bucketFolder = join(this.root, address.bucket);
    for (let attempt = 1; ; attempt++) {
      try {
        await makeFolder(dirname(target));
        await (ifAbsent ? link(temporary, target) : rename(temporary, target));
        await syncFolders(this.root, dirname(target));
        return;
      } catch (error) {
        const retry = attempt < PUBLISH_ATTEMPTS && (await this.isTransient(error, target));
        if (retry) continue;
        await pruneEmptyFolders(dirname(target), bucketFolder);
        if (errorCode(error) === 'EEXIST') throw new ObjectExists(`${formatObjectUri(address)} exists`);
        throw error;
      }
    }
  }

  /** Whether publishing can succeed at the next try. @throws ObjectConflict when the key is a folder in use. */
  private async isTransient(error: unknown, target: string): Promise<boolean> {
    const code = errorCode(error);
    if (code === 'ENOENT') return true;
    if (code !== 'EEXIST' && code !== 'EISDIR' && code !== 'ENOTEMPTY') return false;
    if (!(await isFolder(target))) return false;
    try {
      // An empty folder is not an object: S3 would not know it.
      await rmdir(target);
      return true;
    } catch (failure) {
      if (errorCode(failure) === 'ENOENT') return true;
      throw new ObjectConflict('the key is a folder that holds other objects');
    }
  }
}

async function makeFolder(folder: string): Promise<void> {
  await checkCreatable(folder);
  try {
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR' || errorCode(error) === 'EEXIST') throw passesThroughObject();
    throw error;
  }
  if (!(await isThere(folder))) throw Object.assign(new Error('the folder was removed'), { code: 'ENOENT' });
}

function infoOf(facts: FileFacts): ObjectInfo {
  return {
    size: Number(facts.size),
    etag: etagOf(facts),
    lastModified: new Date(Number(facts.mtimeNs / 1_000_000n)),
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    return !(await lstat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
