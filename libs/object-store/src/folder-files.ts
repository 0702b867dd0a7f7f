import { constants } from 'node:fs';
import { lstat, open, realpath, rmdir, type FileHandle } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { InvalidObjectUri, ObjectConflict } from './errors.js';

/** The stats a store needs, with nanoseconds: two puts within a millisecond must differ in their etag. */
export interface FileFacts {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
}

export function etagOf(facts: FileFacts): string {
  return [facts.mtimeNs, facts.size, facts.ino].map((part) => part.toString(36)).join('-');
}

export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Whether an error says that the path names nothing, so that a read answers "not found". */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errorCode(error) ?? '');
}

/**
 * Whether a path names something, by way of folders alone: a symbolic link in it is not followed, wherever it leads, as
 * one tenant's key could otherwise be another tenant's object.
 * @throws InvalidObjectUri where a part of the path is a symbolic link
 */
export async function isThere(path: string): Promise<boolean> {
  let real: string;
  try {
    real = await realpath(path);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  refuseLink(path, real);
  return true;
}

function refuseLink(path: string, real: string): void {
  // The message leaves out where it leads because it may reach a tenant.
  if (real !== path)
    throw new InvalidObjectUri(
      'a part of the key is a symbolic link, which the object store does not follow',
    );
}

/**
 * Checks that `folder` could be created: its nearest existing ancestor is a folder.
 * @throws ObjectConflict when the path passes through a file, InvalidObjectUri when it does through a symbolic link
 */
export async function checkCreatable(folder: string): Promise<void> {
  for (let path = folder; ; path = dirname(path)) {
    let real: string;
    try {
      real = await realpath(path);
    } catch (error) {
      if (errorCode(error) === 'ENOTDIR') throw passesThroughObject();
      if (!isMissing(error)) throw error;
      // A symbolic link to nothing can neither be entered nor replaced by a folder.
      if (await isSymbolicLink(path)) throw passesThroughObject();
      continue;
    }
    refuseLink(path, real);
    if (!(await lstat(real)).isDirectory()) throw passesThroughObject();
    return;
  }
}

async function isSymbolicLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

export function passesThroughObject(): ObjectConflict {
  return new ObjectConflict('a part of the key is itself an object, and a folder store cannot keep both');
}

/** Opens a regular file that is no symbolic link; null for anything else. It never waits, not even for a named pipe. */
export async function openRegularFile(path: string): Promise<FileHandle | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error) || errorCode(error) === 'ENXIO') return null;
    throw error;
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return null;
}

/**
 * Makes directory entries durable, from `folder` up to and including `root`: another writer may have made a folder in
 * between and not have come to its own fsync yet.
 */
export async function syncFolders(root: string, folder: string): Promise<void> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const handle = await open(path, constants.O_RDONLY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      // A concurrent delete has removed the folder, and syncs what is left.
      if (!isMissing(error)) throw error;
    }
    if (path === root || !path.startsWith(root + sep)) return;
  }
}

/** Removes `folder` and its ancestors below `keep` as long as they are empty. Returns the folder that stayed. */
export async function pruneEmptyFolders(folder: string, keep: string): Promise<string> {
  let path = folder;
  while (path !== keep && path.startsWith(keep + sep)) {
    try {
      await rmdir(path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') return path;
    }
    path = dirname(path);
  }
  return path;
}
