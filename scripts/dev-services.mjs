// PostgreSQL, Redis and an S3 server for developing and for single tests: node scripts/dev-services.mjs [state directory]
import path from 'node:path';
import { startDataServices } from './parts/data-services.mjs';
import { onEnding, onInputEnd } from './parts/ending.mjs';
import { takeLock } from './parts/file-lock.mjs';
import { inRoot } from './parts/paths.mjs';
import { Problem, reportProblem } from './parts/problem.mjs';

const stateDir = path.resolve(process.argv[2] ?? inRoot('.cache', 'test-state'));

let services;
let ending = false;
const end = async (code) => {
  if (ending) return;
  ending = true;
  await services?.stop();
  lock?.release?.();
  process.exit(code);
};

onEnding(
  () => end(0),
  () => {
    services?.supervisor.killAll();
    process.exit(130);
  },
);
onInputEnd(() => end(0));

const lock = takeLock(path.join(stateDir, 'lock'));
try {
  if (lock.heldBy) throw new Problem(`${stateDir} is in use by process ${lock.heldBy}`);
  services = await startDataServices({
    stateDir,
    say: (line) => process.stderr.write(`${line}\n`),
    withS3: true,
  });
  const { postgres, urls, redis, s3 } = services;
  const addresses = {
    admin_url: postgres.adminUrl,
    migration_url: urls.migrationUrl,
    app_url: urls.appUrl,
    system_url: urls.systemUrl,
    redis_url: redis.url,
    s3_endpoint: s3.endpoint,
    s3_access_key_id: s3.accessKeyId,
    s3_secret_access_key: s3.secretAccessKey,
  };
  process.stdout.write(`${JSON.stringify(addresses)}\n`);
} catch (error) {
  reportProblem(error);
  await end(1);
}
