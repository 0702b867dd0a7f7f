import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { packagesAreInstalled } from './install.mjs';
import { inRoot, ROOT, TRAINER_PYTHON } from './paths.mjs';
import { portHolder } from './port-holder.mjs';
import { isFree } from './ports.mjs';
import { Problem } from './problem.mjs';
import { gone } from './process-identity.mjs';
import { findPython, venvVersion } from './python.mjs';

const MEGABYTE = 1024 * 1024;

/** Fails with one clear line on what would otherwise break an installation half way. */
export async function checkMachine(stateDir) {
  const python = (await venvVersion()) ?? (await findPython()).version;
  writable(stateDir);
  const installed = packagesAreInstalled() && existsSync(TRAINER_PYTHON);
  if (!installed) room(ROOT, 3000, 'the packages');
  room(stateDir, 500, 'the state');
  return { python };
}

function writable(stateDir) {
  try {
    mkdirSync(stateDir, { recursive: true });
    accessSync(stateDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Problem(
      `The state directory ${stateDir} cannot be written (${error.code}): set MODELPLANE_STATE_DIR to a folder that can`,
    );
  }
}

function room(folder, megabytes, what) {
  const { bavail, bsize } = statfsSync(folder);
  const free = Math.floor((bavail * bsize) / MEGABYTE);
  if (free < megabytes)
    throw new Problem(
      `Not enough disk space for ${what}: ${folder} has ${free} MB free, ${megabytes} MB are needed`,
    );
}

/** Fails when the port is taken, unless by an API of this clone that is just ending. */
export async function checkPort(port) {
  if (await isFree(port)) return;
  const holder = portHolder(port);
  if (holder?.command.includes(inRoot('dist', 'src', 'main.js')) && (await gone(holder.pid, 12_000))) {
    for (let tries = 0; tries < 20; tries += 1) {
      if (await isFree(port)) return;
      await sleep(50);
    }
  }
  const who = holder ? ` by process ${holder.pid} (${holder.command.slice(0, 80)})` : '';
  throw new Problem(
    `Port ${port} is taken${who}: stop it, or choose another with npm start -- --port ${port + 80}`,
  );
}
