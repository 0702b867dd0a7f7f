import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const NAME = '.modelplane-stamp';

/** One hash over files and whole folders: names and contents, never times, which a clone or copy changes. */
export function hashOf(paths, include = () => true) {
  const hash = createHash('sha256');
  for (const root of paths) {
    for (const file of filesIn(root).filter(include)) {
      hash
        .update(`${path.relative(path.dirname(root), file)}\0`)
        .update(readFileSync(file))
        .update('\0');
    }
  }
  return hash.digest('hex');
}

function filesIn(root) {
  const stats = statSync(root, { throwIfNoEntry: false });
  if (!stats) return [];
  if (!stats.isDirectory()) return [root];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** A stamp in a folder says what the folder was made from, so that it is made again only when that changes. */
export const stamp = (folder, value) => writeFileSync(path.join(folder, NAME), value);

/** To be called before a folder is changed: a change that is interrupted must not look finished. */
export const removeStamp = (folder) => rmSync(path.join(folder, NAME), { force: true });

export function readStamp(folder) {
  const file = path.join(folder, NAME);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

export const isStamped = (folder, value) => readStamp(folder) === value;
