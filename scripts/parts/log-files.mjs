import {
  closeSync,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import path from 'node:path';

const ROTATE_BYTES = 10 * 1024 * 1024;

/** Opens a log for appending, after setting a large one aside; one old file is kept. */
export function openLog(file) {
  mkdirSync(path.dirname(file), { recursive: true });
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > ROTATE_BYTES) renameSync(file, `${file}.1`);
  const descriptor = openSync(file, 'a', 0o640);
  return { descriptor, offset: fstatSync(descriptor).size, close: () => closeSync(descriptor) };
}

/** Sets the content of a log aside that grew large while a process writes to it; what is appended goes on in it. */
export function trimLog(file) {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= ROTATE_BYTES) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}

/** What was written to a log since `offset` (at most the last 256 kB of it). */
export function logSince(file, offset) {
  const descriptor = openSync(file, 'r');
  try {
    const size = fstatSync(descriptor).size;
    const from = Math.max(offset, size - 256 * 1024);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    readSync(descriptor, buffer, 0, buffer.length, from);
    return buffer.toString('utf8');
  } finally {
    closeSync(descriptor);
  }
}

export const lastLines = (text, count = 12) => text.trimEnd().split('\n').slice(-count).join('\n');
