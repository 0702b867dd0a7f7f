// node test/upgrade/record.mjs: leaves what this version is tried against by later ones: its schema, and the statements
// that its API and worker send to PostgreSQL. README.md says what the two files are.
import '../../scripts/parts/node-version.mjs';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { apiService, applicationEnvironment, workerService } from '../../scripts/parts/application.mjs';
import { migrateDatabase } from '../../scripts/parts/built.mjs';
import { onEnding } from '../../scripts/parts/ending.mjs';
import { installEverything } from '../../scripts/parts/install-everything.mjs';
import { runMainJob } from '../../scripts/parts/main-job.mjs';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { startPlainPostgres, systemBinaries } from '../../scripts/parts/plain-postgres.mjs';
import { rememberedPort } from '../../scripts/parts/ports.mjs';
import { Problem, reportProblem } from '../../scripts/parts/problem.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { provision } from '../../scripts/parts/provisioning.mjs';
import { startRedis } from '../../scripts/parts/redis.mjs';
import { ensureSecrets } from '../../scripts/parts/secrets.mjs';
import { Steps } from '../../scripts/parts/steps.mjs';
import { Supervisor } from '../../scripts/parts/supervisor.mjs';
import { signToken } from '../../scripts/parts/tokens.mjs';
import { replayable } from './replayable.mjs';
import { Scenario } from './scenario.mjs';

/** The replay's session names the same one. */
const TENANT = 'acme-corp';

const SETTINGS = {
  MODELPLANE_STORAGE_GRANTS: `${TENANT}=s3://data/,s3://predictions/`,
  // A lease must not run out while a replay is slow, nor may what is recorded be too old to be kept when it is replayed.
  MODELPLANE_JOBS_LEASE_SECONDS: '3600',
  MODELPLANE_TASKS_LEASE_SECONDS: '3600',
  MODELPLANE_PREDICTION_LOG_RETENTION_DAYS: '3650',
};

const { version } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));
const fixture = (kind) => inRoot('test', 'upgrade', `${version}.${kind}`);

const steps = new Steps();
const stateDir = mkdtempSync(path.join(tmpdir(), 'modelplane-recording-'));
chmodSync(stateDir, 0o711); // where we are root, PostgreSQL runs as another user and must get through
const recording = path.join(stateDir, 'statements.jsonl');
const say = (line) => steps.say(`  ${line}`);
const supervisor = new Supervisor({ logDir: path.join(stateDir, 'logs'), say });

let exitCode = 1;
onEnding(
  () => end(),
  () => process.exit(130),
);
try {
  if (!systemBinaries())
    throw new Problem('There is no PostgreSQL of the system, whose pg_dump is needed: install postgresql');
  await installEverything({ steps, say, needsBuild: true });
  await record();
  exitCode = 0;
} catch (error) {
  reportProblem(error);
}
await end();

async function record() {
  const secrets = ensureSecrets(stateDir);
  const password = randomBytes(24).toString('base64url');
  const [postgres, redis] = await steps.run('PostgreSQL and Redis', () =>
    Promise.all([
      startPlainPostgres(supervisor, { stateDir, password }),
      startRedis(supervisor, { stateDir, secrets }),
    ]),
  );
  const urls = await provision(postgres, secrets);
  await migrateDatabase(urls.migrationUrl);
  await steps.run(`Schema of ${version}`, () => dump(postgres.url('postgres', password, 'modelplane')));

  const port = await rememberedPort(stateDir, 'api');
  const env = {
    ...applicationEnvironment({ stateDir, port, urls, redisUrl: redis.url, secrets }),
    ...SETTINGS,
    STATEMENTS_FILE: recording,
  };
  const worker = supervisor.start(recorded(workerService(env)));
  await Promise.all([worker, steps.run('API and worker', () => supervisor.start(recorded(apiService(env))))]);
  const token = signToken({ tenant: TENANT, role: 'admin', days: 1, secret: env.MODELPLANE_JWT_SECRET });
  const baseUrl = `http://127.0.0.1:${port}`;
  const { request } = await runMainJob({ baseUrl, token, stateDir, steps, worker });
  const scenario = new Scenario(baseUrl, token, request);
  for (const [what, act] of scenario.acts) await steps.run(what, act);
  for (const name of ['worker', 'api']) await supervisor.stop(name); // what they still send belongs to it

  const transactions = readFileSync(recording, 'utf8').trim().split('\n').map(JSON.parse);
  const lines = replayable(transactions).map((statement) => `${JSON.stringify(statement)}\n`);
  writeFileSync(fixture('statements.jsonl'), lines.join(''));
  steps.say(`✓ ${lines.length} statements of ${transactions.length} transactions are in test/upgrade`);
}

/** `pg_dump` of the server's own version; what only psql understands is left out, as are pg_dump's comments. */
async function dump(url) {
  const file = path.join(stateDir, 'schema.sql');
  const args = ['--no-owner', '--inserts', `--file=${file}`, url];
  await mustRun(path.join(systemBinaries(), 'pg_dump'), args, 'pg_dump failed');
  const sql = readFileSync(file, 'utf8').replaceAll(/^(\\(un)?restrict .*|--.*|)\n/gm, '');
  writeFileSync(fixture('schema.sql'), sql);
}

/** The same service with a client of PostgreSQL that writes down what it sends. */
function recorded(service) {
  const command = () => {
    const { args, ...rest } = service.command();
    return { ...rest, args: ['--import', inRoot('test', 'upgrade', 'recording-client.mjs'), ...args] };
  };
  return { ...service, command };
}

async function end() {
  for (const name of ['worker', 'api', 'redis', 'postgres']) await supervisor.stop(name);
  if (exitCode === 0) rmSync(stateDir, { recursive: true, force: true });
  else steps.say(`The logs are in ${path.join(stateDir, 'logs')}`);
  process.exit(exitCode);
}
