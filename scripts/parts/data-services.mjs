import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { startPostgres } from './postgres.mjs';
import { provision } from './provisioning.mjs';
import { startRedis } from './redis.mjs';
import { startSeaweedfs } from './seaweedfs.mjs';
import { ensureSecrets } from './secrets.mjs';
import { Supervisor } from './supervisor.mjs';

/** PostgreSQL with its roles, Redis and, for tests, an S3 server on one state directory, without the application. */
export async function startDataServices({ stateDir, durable, say, withRedis = true, withS3 = false }) {
  mkdirSync(stateDir, { recursive: true });
  const secrets = ensureSecrets(stateDir);
  const supervisor = new Supervisor({ logDir: path.join(stateDir, 'logs'), say });
  try {
    const [postgres, redis, s3] = await Promise.all([
      startPostgres(supervisor, { stateDir, secrets, durable }),
      withRedis ? startRedis(supervisor, { stateDir, secrets, durable }) : null,
      withS3 ? startSeaweedfs(supervisor, { stateDir, secrets }) : null,
    ]);
    const urls = await provision(postgres, secrets);
    return { supervisor, secrets, postgres, redis, s3, urls, stop: () => stopDataServices(supervisor) };
  } catch (error) {
    await stopDataServices(supervisor);
    throw error;
  }
}

async function stopDataServices(supervisor) {
  await Promise.all(['seaweedfs', 'redis', 'postgres'].map((name) => supervisor.stop(name)));
}
