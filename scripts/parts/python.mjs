import { existsSync, rmSync } from 'node:fs';
import { inRoot, TRAINER_PYTHON } from './paths.mjs';
import { Problem } from './problem.mjs';
import { mustRun, onPath, run } from './programs.mjs';
import { hashOf, readStamp, stamp } from './stamps.mjs';

const VENV = inRoot('trainer', '.venv');
const UV = inRoot('trainer', '.venv', 'bin', 'uv');
const PIP = inRoot('trainer', '.venv', 'bin', 'pip');
const UNKNOWN = '{}'; // made by hand: it may hold anything, and is brought in step
const UNFINISHED = '{"unfinished":true}';
const lockFile = (name) => inRoot('trainer', name);
const RUNTIME = lockFile('requirements.lock');
const DEV = lockFile('requirements-dev.lock');
const OLDEST = [3, 11];

const atLeast = (version) => version[0] > OLDEST[0] || (version[0] === OLDEST[0] && version[1] >= OLDEST[1]);

async function versionOf(python) {
  const { ok, output } = await run(python, ['-c', 'import sys; print(*sys.version_info[:3], sep=".")']);
  return ok ? output.trim().split('\n').at(-1) : null;
}

/** A Python of the system that can carry the trainer's environment: `{file, version}`. */
export async function findPython() {
  const chosen = process.env.MODELPLANE_BOOTSTRAP_PYTHON;
  const found = [];
  for (const name of chosen ? [chosen] : ['python3', 'python3.13', 'python3.12', 'python3.11']) {
    const file = name.includes('/') ? name : onPath(name);
    const version = file && (await versionOf(file));
    if (version && atLeast(version.split('.').map(Number))) return { file, version };
    if (version) found.push(`${name} is ${version}`);
  }
  const seen = found.length ? found.join(', ') : `${chosen ?? 'python3'} was not found`;
  throw new Problem(
    `Python ${OLDEST.join('.')} or newer is needed (${seen}): install it, or name one in MODELPLANE_BOOTSTRAP_PYTHON`,
  );
}

/** The version of the trainer's own Python, or null where there is no whole environment: pip comes into it last. */
export const venvVersion = async () => (existsSync(PIP) ? versionOf(TRAINER_PYTHON) : null);

/** The trainer's virtual environment, with pip and nothing else when it is new. Answers its Python. */
export async function ensureVenv() {
  if (await venvVersion()) return TRAINER_PYTHON;
  const { file } = await findPython();
  rmSync(VENV, { recursive: true, force: true }); // half made, or its Python is gone
  await mustRun(
    file,
    ['-m', 'venv', VENV],
    `${file} cannot make a virtual environment (Debian and Ubuntu: apt install python3-venv)`,
  );
  return TRAINER_PYTHON;
}

/** Installs what the trainer's locks name, with `dev` also what its tests need. */
export async function installTrainer({ dev = false } = {}) {
  const last = readStamp(VENV) ?? UNKNOWN;
  if (last === UNFINISHED) rmSync(VENV, { recursive: true, force: true }); // half a package looks like a whole one
  const python = await ensureVenv();
  const version = await venvVersion();
  const wanted = { python: version, runtime: hashOf([RUNTIME]), dev: hashOf([DEV]) };
  const have = JSON.parse(last);
  const upToDate =
    have.python === version && have.runtime === wanted.runtime && (!dev || have.dev === wanted.dev);
  if (upToDate) return { version, installed: false };

  const locks = dev || have.dev ? [RUNTIME, DEV] : [RUNTIME];
  stamp(VENV, UNFINISHED);
  const how = await installLocks(python, locks);
  stamp(VENV, JSON.stringify({ ...wanted, dev: locks.includes(DEV) ? wanted.dev : undefined }));
  return { version, installed: true, how };
}

/** uv is several times faster than pip; pip does the same work where uv does not run. */
async function installLocks(python, locks) {
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes'];
  // Like pip, uv trusts the authorities of the system: a company's proxy may have one of its own.
  const env = { ...process.env, UV_PYTHON_DOWNLOADS: 'never', UV_SYSTEM_CERTS: '1', UV_NO_PROGRESS: '1' };
  const bootstrap = await run(python, [...pip, '-r', lockFile('bootstrap.lock')], { env });
  if (bootstrap.ok && (await run(UV, ['--version'], { env })).ok) {
    const synced = await run(UV, ['pip', 'sync', '--require-hashes', '--python', python, ...locks], { env });
    if (synced.ok) return 'uv';
  }
  await mustRun(
    python,
    [...pip, ...locks.flatMap((lock) => ['-r', lock])],
    "The trainer's Python packages could not be installed",
    { env },
  );
  return 'pip';
}
