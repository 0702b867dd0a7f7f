import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { findPython } from '../../scripts/parts/python.mjs';
import { hashOf, isStamped, stamp } from '../../scripts/parts/stamps.mjs';

const FOLDER = inRoot('.cache', 'bench-ray');
const LOCK = inRoot('bench', 'batch', 'requirements.lock');
const UV = inRoot('trainer', '.venv', 'bin', 'uv');

/** A Python with what bench/batch/requirements.lock names, made anew when that changes. */
export async function rayPython() {
  const wanted = hashOf([LOCK]);
  const python = path.join(FOLDER, 'bin', 'python');
  if (isStamped(FOLDER, wanted)) return python;
  rmSync(FOLDER, { recursive: true, force: true });
  const failure = 'Ray could not be installed';
  await mustRun((await findPython()).file, ['-m', 'venv', FOLDER], failure);
  const [file, ...args] = existsSync(UV)
    ? [UV, 'pip', 'install', '--quiet', '--python', python]
    : [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  const env = { ...process.env, UV_PYTHON_DOWNLOADS: 'never', UV_SYSTEM_CERTS: '1', UV_NO_PROGRESS: '1' };
  await mustRun(file, [...args, '--require-hashes', '-r', LOCK], failure, { env });
  stamp(FOLDER, wanted);
  return python;
}
