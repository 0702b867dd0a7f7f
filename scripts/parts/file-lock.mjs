import { linkSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { processIdentity } from './process-identity.mjs';

const holderOf = (text) => {
  try {
    const { pid, identity } = JSON.parse(text);
    return processIdentity(pid) === identity ? pid : null;
  } catch {
    return null;
  }
};

/**
 * Takes a lock that dies with its process, also by kill -9: the file names the holder, and a holder that
 * no longer lives does not count. Answers `{release}` or, when another process has it, `{heldBy: pid}`.
 */
export function takeLock(file) {
  mkdirSync(path.dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) }));
  try {
    for (;;) {
      try {
        linkSync(mine, file); // the one step that only one process can win
        return { release: () => unlinkSync(file) };
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const heldBy = holderOf(readOrEmpty(file));
      if (heldBy) return { heldBy };
      removeStale(file, `${mine}.stale`);
    }
  } finally {
    unlinkSync(mine);
  }
}

function removeStale(file, aside) {
  try {
    renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  // Another process may have replaced the stale file between our look and our rename: give it back.
  if (holderOf(readOrEmpty(aside))) {
    try {
      linkSync(aside, file);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  unlinkSync(aside);
}

function readOrEmpty(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Runs `work` while holding the lock, waiting for other holders; `waiting(pid)` is told once. */
export async function withLock(file, work, waiting = () => {}) {
  let told = false;
  for (;;) {
    const lock = takeLock(file);
    if (lock.release) {
      try {
        return await work();
      } finally {
        lock.release();
      }
    }
    if (!told) waiting(lock.heldBy);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
