import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { findPython } from '../../scripts/parts/python.mjs';
import { hashOf, isStamped, stamp } from '../../scripts/parts/stamps.mjs';

const FOLDER = inRoot('.cache', 'fuzz');
const LOCK = inRoot('test', 'fuzz', 'requirements.lock');
const UV = inRoot('trainer', '.venv', 'bin', 'uv');

export const SCHEMATHESIS = path.join(FOLDER, 'bin', 'schemathesis');

/** A virtual environment with what requirements.lock names, made anew when that changes. */
export async function installSchemathesis() {
  const wanted = hashOf([LOCK]);
  if (isStamped(FOLDER, wanted)) return false;
  rmSync(FOLDER, { recursive: true, force: true });
  const failure = 'Schemathesis could not be installed';
  await mustRun((await findPython()).file, ['-m', 'venv', FOLDER], failure);
  const python = path.join(FOLDER, 'bin', 'python');
  const [file, ...args] = existsSync(UV)
    ? [UV, 'pip', 'install', '--quiet', '--python', python]
    : [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  const env = { ...process.env, UV_PYTHON_DOWNLOADS: 'never', UV_SYSTEM_CERTS: '1', UV_NO_PROGRESS: '1' };
  await mustRun(file, [...args, '--require-hashes', '-r', LOCK], failure, { env });
  stamp(FOLDER, wanted);
  return true;
}
