import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { commandLine } from './process-identity.mjs';

const LISTENING = '0A';

/** Who listens on a port: `{pid, command}`, or null where that cannot be known (Linux only, and only what we may see). */
export function portHolder(port) {
  if (process.platform !== 'linux') return null;
  const sockets = socketsOn(port);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (linksOf(`/proc/${pid}/fd`).some((link) => sockets.has(link)))
      return { pid: Number(pid), command: commandLine(pid) };
  }
  return null;
}

function socketsOn(port) {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found = new Set();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of linesOf(table).slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === LISTENING && local.endsWith(suffix)) found.add(`socket:[${inode}]`);
    }
  }
  return found;
}

function linesOf(file) {
  try {
    return readFileSync(file, 'utf8').trim().split('\n');
  } catch {
    return [];
  }
}

function linksOf(folder) {
  try {
    return readdirSync(folder).map((name) => targetOf(`${folder}/${name}`));
  } catch {
    return []; // another user's process, or it has just ended
  }
}

function targetOf(link) {
  try {
    return readlinkSync(link);
  } catch {
    return null; // closed since the folder was read
  }
}
