// npm run trial:production [-- --root FOLDER]: what a production machine does, on PostgreSQL and Redis of the system's
// packages and SeaweedFS. The application gets its environment and nothing else: refused with development secrets,
// then migrated, started, trained, asked, backed up and restored.
// --root: another installation of the same version, such as the files of the image.
import './parts/node-version.mjs';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { apiService, workerService } from './parts/application.mjs';
import { onEnding } from './parts/ending.mjs';
import { installEverything } from './parts/install-everything.mjs';
import { runMainJob } from './parts/main-job.mjs';
import { ROOT, TRAINER_PYTHON } from './parts/paths.mjs';
import { startPlainPostgres } from './parts/plain-postgres.mjs';
import { rememberedPort } from './parts/ports.mjs';
import { Problem, reportProblem } from './parts/problem.mjs';
import { mustRun, run } from './parts/programs.mjs';
import { provision } from './parts/provisioning.mjs';
import { startRedis } from './parts/redis.mjs';
import { startSeaweedfs } from './parts/seaweedfs.mjs';
import { Steps } from './parts/steps.mjs';
import { Supervisor } from './parts/supervisor.mjs';
import { signToken } from './parts/tokens.mjs';

const TENANT = 'trial';
const REGION = 'us-east-1';
const { values } = parseArgs({ options: { root: { type: 'string' } } });
const root = path.resolve(values.root ?? ROOT);

const steps = new Steps();
const stateDir = mkdtempSync(path.join(tmpdir(), 'modelplane-trial-'));
chmodSync(stateDir, 0o711); // where we are root, PostgreSQL runs as another user and must get through
const say = (line) => steps.say(`  ${line}`);
const supervisor = new Supervisor({ logDir: path.join(stateDir, 'logs'), say });

const secret = () => randomBytes(24).toString('base64url');
const secrets = {
  redis_password: secret(),
  database_owner_password: secret(),
  database_app_password: secret(),
  database_system_password: secret(),
  s3_secret_access_key: secret(),
};

let exitCode = 1;
onEnding(
  () => end(),
  () => process.exit(130),
);
try {
  await installEverything({ steps, say, needsBuild: true, needsS3: true });
  await trial();
  exitCode = 0;
  steps.say('✓ The production trial passed');
} catch (error) {
  reportProblem(error);
}
await end();

async function trial() {
  const postgres = await steps.run('PostgreSQL', async (step) => {
    const server = await startPlainPostgres(supervisor, { stateDir, password: secret() });
    step.says(server.label);
    return server;
  });
  const redis = await steps.run('Redis', async (step) => {
    const server = await startRedis(supervisor, { stateDir, secrets });
    step.says(server.label);
    return server;
  });
  const s3 = await steps.run('SeaweedFS with empty buckets', async () => {
    const server = await startSeaweedfs(supervisor, { stateDir, secrets });
    for (const prefix of ['first-', 'second-']) await makeBuckets(server, prefix);
    return server;
  });
  const urls = await provision(postgres, secrets);
  const port = await rememberedPort(stateDir, 'api');
  const env = environment({ port, urls, redis, s3, installation: 'first' });

  await steps.run('Refused with what a development machine may have', () => refused(env));
  await steps.run('Migrated by the owner', () => command('migrate.mjs', [], urls.migrationUrl, env));
  const worker = supervisor.start(inRoot(workerService(env)));
  await Promise.all([worker, steps.run('API and worker', () => supervisor.start(inRoot(apiService(env))))]);
  const baseUrl = `http://127.0.0.1:${port}`;
  const token = signToken({ tenant: TENANT, role: 'admin', days: 1, secret: env.MODELPLANE_JWT_SECRET });
  const { request, answer } = await runMainJob({ baseUrl, token, stateDir, steps, worker });
  await restored({ postgres, redis, s3, urls, env, token, request, answer });
}

/** In production somebody makes them: the application names one that is missing and ends. */
async function makeBuckets({ endpoint, accessKeyId, secretAccessKey }, bucketPrefix) {
  const { S3ObjectStore } = await import('#libs/object-store');
  const store = new S3ObjectStore({
    endpoint,
    region: REGION,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    bucketPrefix,
    timeoutMs: 10_000,
  });
  for (const bucket of ['modelplane', 'tenants', 'data']) await store.ensureBucket(bucket, true);
  store.close();
}

/** Everything that the application is told. */
function environment({ port, urls, redis, s3, installation }) {
  const kept = Object.entries(process.env).filter(([name]) => /^(PATH|HOME|TMPDIR|LANG)$/.test(name));
  return {
    ...Object.fromEntries(kept),
    MODELPLANE_STORAGE_GRANTS: `${TENANT}=s3://data/`,
    MODELPLANE_STORAGE: 's3',
    MODELPLANE_S3_FORCE_PATH_STYLE: 'true',
    MODELPLANE_S3_BUCKET_PREFIX: `${installation}-`,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    MODELPLANE_ENV: 'production',
    MODELPLANE_HOST: '127.0.0.1',
    MODELPLANE_PORT: String(port),
    MODELPLANE_STATE_DIR: path.join(stateDir, installation),
    MODELPLANE_PYTHON: TRAINER_PYTHON,
    DATABASE_URL: urls.appUrl,
    MODELPLANE_DATABASE_SYSTEM_URL: urls.systemUrl,
    REDIS_URL: redis.url,
    MODELPLANE_JWT_SECRET: secret() + secret(),
    MODELPLANE_WEBHOOKS_KEY: secret() + secret(),
  };
}

async function refused(env) {
  const wrong = {
    MODELPLANE_JWT_SECRET: `development-${secret()}`,
    DATABASE_URL: 'postgresql://modelplane_app:modelplane@127.0.0.1:5432/modelplane',
    REDIS_URL: 'redis://:changeme@127.0.0.1:6379/0',
    MODELPLANE_STORAGE_GRANTS: 'acme-corp=s3://data/,s3://predictions/',
  };
  const { code, output } = await run(process.execPath, [path.join(root, 'dist', 'src', 'main.js')], {
    cwd: root,
    env: { ...env, ...wrong },
  });
  const unnamed = Object.keys(wrong).filter((name) => !output.includes(`${name}: `));
  if (code !== 1 || unnamed.length > 0)
    throw new Problem(`It ended with ${code} and did not name ${unnamed.join(', ')}`, output);
}

async function command(script, args, ownerUrl, env) {
  const file = path.join(root, 'scripts', script);
  const options = { cwd: root, env: { ...env, MODELPLANE_DATABASE_MIGRATION_URL: ownerUrl } };
  return mustRun(process.execPath, [file, ...args], `${script} failed`, options);
}

/** Backs up, and restores into a database and an object store of their own, which answer the same. */
async function restored({ postgres, redis, s3, urls, env, token, request, answer }) {
  const folder = path.join(stateDir, 'backup');
  await steps.run('Backed up while it runs', () =>
    command('backup.mjs', ['--to', folder, '--bucket', 'data'], urls.migrationUrl, env),
  );
  const port = await rememberedPort(stateDir, 'second-api');
  const second = await provision(postgres, secrets, 'second');
  const secondEnv = {
    ...environment({ port, urls: second, redis, s3, installation: 'second' }),
    MODELPLANE_JWT_SECRET: env.MODELPLANE_JWT_SECRET,
    // The backup holds secrets that are encrypted with it.
    MODELPLANE_WEBHOOKS_KEY: env.MODELPLANE_WEBHOOKS_KEY,
    MODELPLANE_REDIS_PREFIX: 'second',
  };
  await steps.run('Restored into an empty installation', async () => {
    await command('migrate.mjs', [], second.migrationUrl, secondEnv);
    await command('restore.mjs', ['--from', folder], second.migrationUrl, secondEnv);
  });
  await steps.run('The restored installation predicts the same', async () => {
    await supervisor.start({ ...inRoot(apiService(secondEnv)), name: 'second-api' });
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/predictions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    const again = await response.json();
    for (const field of ['prediction', 'probabilities', 'version']) {
      if (JSON.stringify(again[field]) !== JSON.stringify(answer[field]))
        throw new Problem(
          `${field} was ${JSON.stringify(answer[field])} and is now ${JSON.stringify(again[field])}`,
        );
    }
  });
}

/** The same service as another installation has it. */
function inRoot(service) {
  const command = () => ({
    ...service.command(),
    cwd: root,
    args: [path.join(root, 'dist', 'src', 'main.js')],
  });
  return { ...service, command };
}

async function end() {
  for (const name of ['second-api', 'worker', 'api', 'seaweedfs', 'redis', 'postgres'])
    await supervisor.stop(name);
  if (exitCode === 0) rmSync(stateDir, { recursive: true, force: true });
  else steps.say(`The logs are in ${path.join(stateDir, 'logs')}`);
  process.exit(exitCode);
}
