import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from './paths.mjs';
import { mustRun } from './programs.mjs';
import { findPython } from './python.mjs';
import { hashOf, isStamped, stamp } from './stamps.mjs';

const UV = inRoot('trainer', '.venv', 'bin', 'uv');

/**
 * A Python in an environment of its own with what a lock file names, made anew when that changes.
 * @param name of the environment
 * @param lock path of a file that pip can read, every package with its hashes
 */
export async function pythonWith(name, lock) {
  const folder = inRoot('.cache', `python-${name}`);
  const wanted = hashOf([lock]);
  const python = path.join(folder, 'bin', 'python');
  if (isStamped(folder, wanted)) return python;
  rmSync(folder, { recursive: true, force: true });
  const failure = `${name} could not be installed`;
  await mustRun((await findPython()).file, ['-m', 'venv', folder], failure);
  const [file, ...args] = existsSync(UV)
    ? [UV, 'pip', 'install', '--quiet', '--python', python]
    : [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  const env = { ...process.env, UV_PYTHON_DOWNLOADS: 'never', UV_SYSTEM_CERTS: '1', UV_NO_PROGRESS: '1' };
  await mustRun(file, [...args, '--require-hashes', '-r', lock], failure, { env });
  stamp(folder, wanted);
  return python;
}
