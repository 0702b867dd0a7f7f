import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rememberedPort } from './ports.mjs';
import { postgresAccount } from './postgres-account.mjs';
import { startPostgres } from './postgres.mjs';
import { Problem } from './problem.mjs';
import { mustRun, onPath } from './programs.mjs';

const OLDEST = 15;

/** The folder of the newest PostgreSQL that the system's packages installed, or null. */
export function systemBinaries() {
  const debian = '/usr/lib/postgresql';
  const majors = existsSync(debian) ? readdirSync(debian).map(Number).filter(Number.isInteger) : [];
  const newest = Math.max(0, ...majors);
  if (newest >= OLDEST) return path.join(debian, String(newest), 'bin');
  const found = onPath('initdb');
  return found && path.dirname(found);
}

/**
 * A PostgreSQL as a distribution ships it, with its own defaults, on a folder: `{adminUrl, url, label}`. Where
 * there is none the embedded one stands in, and the label says so.
 */
export async function startPlainPostgres(supervisor, { stateDir, password }) {
  const bin = systemBinaries();
  if (!bin) {
    const server = await startPostgres(supervisor, {
      stateDir,
      secrets: { database_superuser_password: password },
    });
    return { ...server, label: `PostgreSQL ${server.version}, embedded, as the system has none` };
  }
  const home = path.join(stateDir, 'postgres');
  const dataDir = path.join(home, 'data');
  mkdirSync(home, { recursive: true });
  const { uid, gid, prefix } = postgresAccount({ dataDir, paths: [stateDir, bin] });
  if (prefix.length > 0) throw new Problem(`${stateDir} must be where every user may enter`);
  const passwordFile = path.join(home, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (uid !== undefined) for (const file of [home, passwordFile]) chownSync(file, uid, gid);
  const options = { uid, gid, cwd: '/' };
  const initdb = [`--pgdata=${dataDir}`, '--username=postgres', `--pwfile=${passwordFile}`];
  await mustRun(path.join(bin, 'initdb'), [...initdb, '--auth=scram-sha-256'], 'initdb failed', options);

  const port = await rememberedPort(stateDir, 'postgres');
  const url = (user, secret, database) => `postgresql://${user}:${secret}@127.0.0.1:${port}/${database}`;
  const adminUrl = url('postgres', password, 'postgres');
  let version;
  await supervisor.start({
    name: 'postgres',
    command: () => ({
      file: path.join(bin, 'postgres'),
      args: ['-D', dataDir, '-p', String(port), '-c', 'unix_socket_directories=', '-h', '127.0.0.1'],
      ...options,
    }),
    stopSignal: 'SIGINT',
    stopGraceMs: 30_000,
    ready: async () => (version = await versionAt(adminUrl)),
  });
  return { adminUrl, url, label: `PostgreSQL ${version} of ${bin}` };
}

async function versionAt(connectionString) {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query('show server_version')).rows[0].server_version;
  } catch {
    return null; // it does not listen yet
  } finally {
    await client.end().catch(() => {});
  }
}
