// npm start [-- --exit] [-- --port N]: everything from a fresh clone to a trained model that answers.
import './parts/node-version.mjs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { apiService, applicationEnvironment, workerService } from './parts/application.mjs';
import { migrateDatabase } from './parts/built.mjs';
import { closingText } from './parts/closing-text.mjs';
import { onEnding, onNpmGone } from './parts/ending.mjs';
import { takeLock } from './parts/file-lock.mjs';
import { build, installPackages, whileInstalling } from './parts/install.mjs';
import { runMainJob } from './parts/main-job.mjs';
import { stateDirectory } from './parts/paths.mjs';
import { startPostgres } from './parts/postgres.mjs';
import { checkMachine, checkPort } from './parts/preflight.mjs';
import { Problem, reportProblem } from './parts/problem.mjs';
import { provision } from './parts/provisioning.mjs';
import { installTrainer } from './parts/python.mjs';
import { startRedis } from './parts/redis.mjs';
import { ensureSecrets } from './parts/secrets.mjs';
import { Steps } from './parts/steps.mjs';
import { Supervisor } from './parts/supervisor.mjs';
import { signToken } from './parts/tokens.mjs';
import { installValkey, valkeyIsNeeded } from './parts/valkey.mjs';

const TENANT = 'acme-corp';
const TOKEN_DAYS = 30;

const began = Date.now();
const stateDir = stateDirectory();
const steps = new Steps();
const say = (line) => steps.say(`  ${line}`);
const supervisor = new Supervisor({ logDir: path.join(stateDir, 'logs'), say });

let lock;
let ending = false;
let exitCode = 130; // until everything is up, being stopped is not success

onEnding(
  () => end(),
  () => {
    supervisor.killAll();
    process.exit(130);
  },
);
onNpmGone(() => end());

try {
  const { exit, port } = options();
  await steps.run('Node, Python, disk and port', async (step) => {
    const found = await checkMachine(stateDir);
    holdState();
    await checkPort(port);
    step.says(`Node ${process.versions.node}, Python ${found.python}, port ${port} is free`);
  });
  const secrets = ensureSecrets(stateDir);
  const { postgres, redis } = await prepare({ secrets });
  const job = await serve({ port, secrets, postgres, redis, exit });
  exitCode = job ? 0 : 1;
  if (exit) await end();
} catch (error) {
  exitCode = 1;
  if (!ending) reportProblem(error);
  await end();
}

function options() {
  try {
    const { values } = parseArgs({ options: { exit: { type: 'boolean' }, port: { type: 'string' } } });
    const port = Number(values.port ?? (process.env.MODELPLANE_PORT || 8000));
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new Problem(`--port must be 1 to 65535, got "${values.port}"`);
    return { exit: values.exit, port };
  } catch (error) {
    if (error.code?.startsWith('ERR_PARSE_ARGS')) throw new Problem(error.message);
    throw error;
  }
}

/** Two starts on one state directory would share a database: the second one is told so. */
function holdState() {
  const taken = takeLock(path.join(stateDir, 'lock'));
  if (taken.heldBy)
    throw new Problem(
      `Modelplane already runs on ${stateDir} (process ${taken.heldBy}): stop it, or set MODELPLANE_STATE_DIR to another folder`,
    );
  lock = taken;
}

/** Installs, builds, and starts what the application stands on; each part as soon as what it needs is there. */
async function prepare({ secrets }) {
  const packages = deferred();
  const valkey = deferred();
  const installing = whileInstalling(async () => {
    const node = steps
      .run('Node packages', async (step) =>
        step.says(`Node packages ${(await installPackages()) ? 'installed' : 'are up to date'}`),
      )
      .then(packages.resolve);
    const built = node.then(() =>
      steps.run('Build', async (step) => step.says((await build()) ? 'Built' : 'Build is up to date')),
    );
    const trainer = steps.run('Python trainer', async (step) => {
      if (valkeyIsNeeded()) await installValkey();
      valkey.resolve();
      const { version, installed, how } = await installTrainer();
      step.says(
        `Python trainer ${installed ? `installed with ${how}` : 'is up to date'} (Python ${version})`,
      );
    });
    await Promise.all([built, trainer]);
  }, say);

  const postgresUp = packages.promise.then(() =>
    steps.run('PostgreSQL', async (step) => {
      const server = await startPostgres(supervisor, { stateDir, secrets });
      const urls = await provision(server, secrets);
      step.says(`PostgreSQL ${server.version} on 127.0.0.1:${server.port}`);
      return { ...server, urls };
    }),
  );
  const redisUp = valkey.promise.then(() =>
    steps.run('Redis', async (step) => {
      const server = await startRedis(supervisor, { stateDir, secrets });
      step.says(`Redis: ${server.label}`);
      return server;
    }),
  );
  const [postgres, redis] = await Promise.all([postgresUp, redisUp, installing]);
  return { postgres, redis };
}

/** Migrates, starts the API and the worker, and does the main job; answers its outcome, or null when it failed. */
async function serve({ port, secrets, postgres, redis, exit }) {
  await steps.run('Migrations', async (step) => {
    const applied = await migrateDatabase(postgres.urls.migrationUrl);
    step.says(`Migrations: ${applied.length ? `${applied.length} applied` : 'up to date'}`);
  });
  const env = applicationEnvironment({ stateDir, port, urls: postgres.urls, redisUrl: redis.url, secrets });
  const baseUrl = `http://127.0.0.1:${port}`;
  const worker = steps.run('Worker', () => supervisor.start(workerService(env)));
  let workerProblem = null;
  worker.catch((error) => (workerProblem = error)); // awaited later: the main job needs the API first
  await steps.run(`API on ${baseUrl}`, () => supervisor.start(apiService(env)));
  const token = signToken({
    tenant: TENANT,
    role: 'admin',
    days: TOKEN_DAYS,
    secret: env.MODELPLANE_JWT_SECRET,
  });
  try {
    const job = await runMainJob({ baseUrl, token, stateDir, steps, worker });
    await worker;
    steps.say(
      `✓ Everything worked${' '.repeat(52)} ${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s`,
    );
    steps.say(closingText({ baseUrl, token, tenant: TENANT, days: TOKEN_DAYS, job, exits: exit }).trimEnd());
    return job;
  } catch (error) {
    if (ending) return null;
    if (workerProblem) throw workerProblem;
    reportProblem(error);
    steps.say(
      exit
        ? ''
        : `\nThe main job failed, but ${baseUrl} is up; logs are in ${path.join(stateDir, 'logs')}. Ctrl-C stops everything.`,
    );
    return null;
  }
}

/** Ends everything in the order in which nothing is pulled away from under another, and then this process. */
async function end() {
  if (ending) return;
  ending = true;
  for (const name of ['worker', 'api', 'redis', 'postgres']) await supervisor.stop(name);
  if (!supervisor.isEmpty) steps.say('Stopped; the data is kept.');
  lock?.release();
  process.exit(exitCode);
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
