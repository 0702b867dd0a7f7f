import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');
export const TRAINER_PYTHON = path.join(ROOT, 'trainer', '.venv', 'bin', 'python');

export const inRoot = (...names) => path.join(ROOT, ...names);

/** Where everything that must survive a restart lies; one variable moves it. */
export const stateDirectory = () => path.resolve(ROOT, process.env.MODELPLANE_STATE_DIR || '.data');

/** Writes a file so that a reader, or a power cut, sees the old content or the new one and never a half. */
export function writeAtomically(file, content, mode = 0o644) {
  mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode, flush: true });
  renameSync(temporary, file);
}
