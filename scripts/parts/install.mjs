import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { withLock } from './file-lock.mjs';
import { inRoot, ROOT } from './paths.mjs';
import { mustRun } from './programs.mjs';
import { hashOf, isStamped, removeStamp, stamp } from './stamps.mjs';

const LOCK = inRoot('package-lock.json');
const MODULES = inRoot('node_modules');
const DIST = inRoot('dist');
const SOURCES = [
  'src',
  'libs',
  'migrations',
  'contracts',
  'package.json',
  'package-lock.json',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

/** Runs `work` while no other command of this clone installs or builds; `say` tells that it has to wait. */
export const whileInstalling = (work, say) =>
  withLock(inRoot('.cache', 'install.lock'), work, (pid) =>
    say(`Waiting for process ${pid}, which installs or builds in this clone`),
  );

/** Installs the Node packages of the lock file where they are not installed already. */
export async function installPackages() {
  const wanted = hashOf([LOCK]);
  if (isStamped(MODULES, wanted)) return false;
  if (matchesLock()) {
    stamp(MODULES, wanted);
    return false;
  }
  removeStamp(MODULES);
  // Development packages too, whatever NODE_ENV says: the compiler is one of them.
  const npm = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const cli = process.env.npm_execpath;
  const [file, args] = cli?.endsWith('npm-cli.js') ? [process.execPath, [cli, ...npm]] : ['npm', npm];
  await mustRun(file, args, 'npm ci could not install the Node packages', { cwd: ROOT });
  stamp(MODULES, wanted);
  return true;
}

/** Whether an `npm install` by hand left exactly what the lock file names; npm keeps its own record of that. */
function matchesLock() {
  const record = path.join(MODULES, '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(LOCK, 'utf8')).packages;
  const have = JSON.parse(readFileSync(record, 'utf8')).packages;
  const names = Object.keys(wanted).filter((name) => name);
  const same = names.every((name) => {
    const installed = have[name];
    if (!installed) return Boolean(wanted[name].optional); // another platform's binary
    return installed.version === wanted[name].version && installed.integrity === wanted[name].integrity;
  });
  return same && Object.keys(have).every((name) => wanted[name]);
}

export const packagesAreInstalled = () => isStamped(MODULES, hashOf([LOCK])) || matchesLock();

/** Compiles the sources where they changed since the last time. */
export async function build() {
  const wanted = hashOf(
    SOURCES.map((name) => inRoot(name)),
    (file) => /\.(ts|json)$/.test(file) && !file.endsWith('.spec.ts'),
  );
  if (isStamped(DIST, wanted)) return false;
  removeStamp(DIST);
  await mustRun(
    process.execPath,
    [inRoot('node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build'],
    'The sources do not compile',
    { cwd: ROOT },
  );
  removeLeftOvers();
  stamp(DIST, wanted);
  return true;
}

/** The compiler never deletes: without this, the output of a removed migration would still run. */
function removeLeftOvers() {
  for (const part of ['src', 'libs', 'migrations']) {
    const folder = path.join(DIST, part);
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder, { recursive: true })) {
      if (!name.endsWith('.js') || existsSync(inRoot(part, name.replace(/\.js$/, '.ts')))) continue;
      for (const file of [name, `${name}.map`]) rmSync(path.join(folder, file), { force: true });
    }
  }
}
