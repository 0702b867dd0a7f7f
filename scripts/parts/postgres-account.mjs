import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { Problem } from './problem.mjs';

/**
 * PostgreSQL refuses to run as root. Where we are root it runs as the owner of its data, else as the
 * system's `postgres`, else as `nobody`; no account is ever created. Answers `{uid?, gid?, prefix}`:
 * what to spawn with, and a command to put in front.
 */
export function postgresAccount({ dataDir, paths }) {
  if (process.getuid() !== 0) return { prefix: [] };
  const account = ownerOf(dataDir) ?? accountNamed('postgres') ?? accountNamed('nobody');
  if (!account)
    throw new Problem('PostgreSQL cannot run as root, and there is no account "postgres" or "nobody"');
  if (paths.every((path) => canEnter(path, account))) return { ...account, prefix: [] };
  return { ...account, ...throughClosedFolders(paths, account) };
}

function ownerOf(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && stats.uid !== 0 ? { uid: stats.uid, gid: stats.gid } : null;
}

function accountNamed(name) {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  if (!line) return null;
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

const canEnter = (path, { uid, gid }) =>
  spawnSync('/bin/sh', ['-c', 'cd "$0"', path], { uid, gid, cwd: '/' }).status === 0;

/**
 * A clone under /root (mode 0700) cannot be entered by another account. Linux can hand the server the
 * one right it lacks, to pass through such folders; the caller then starts it as root, and setpriv
 * switches the account.
 */
function throughClosedFolders(paths, { uid, gid }) {
  for (const capability of ['dac_read_search', 'dac_override']) {
    const prefix = [
      'setpriv',
      `--reuid=${uid}`,
      `--regid=${gid}`,
      '--clear-groups',
      '--securebits=+no_setuid_fixup', // else access(2), by which initdb looks for its programs, ignores the right
      `--inh-caps=+${capability}`,
      `--ambient-caps=+${capability}`,
    ];
    const passes = paths.every(
      (path) =>
        spawnSync(prefix[0], [...prefix.slice(1), '/bin/sh', '-c', 'cd "$0"', path], { cwd: '/' }).status ===
        0,
    );
    if (passes) return { prefix, uid: undefined, gid: undefined, owner: { uid, gid } };
  }
  const closed = paths.find((path) => !canEnter(path, { uid, gid }));
  throw new Problem(
    `PostgreSQL cannot run as root, and the account it would use (uid ${uid}) cannot enter ${closed}: ` +
      'put the clone and MODELPLANE_STATE_DIR where every user may enter (for example /opt), or run as a normal user',
  );
}
