// npm run fuzz [-- --seed 1] [-- --examples 200] [-- --things] [-- --junit FILE]: requests made from openapi.json, good and
// bad; with --things beside a worker, and with the ids of models, jobs and all else that there is in their paths.
import '../../scripts/parts/node-version.mjs';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { apiService, applicationEnvironment, workerService } from '../../scripts/parts/application.mjs';
import { migrateDatabase } from '../../scripts/parts/built.mjs';
import { onEnding, onNpmGone } from '../../scripts/parts/ending.mjs';
import { installEverything } from '../../scripts/parts/install-everything.mjs';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { rememberedPort } from '../../scripts/parts/ports.mjs';
import { reportProblem } from '../../scripts/parts/problem.mjs';
import { run } from '../../scripts/parts/programs.mjs';
import { Steps } from '../../scripts/parts/steps.mjs';
import { startTemporaryServices } from '../../scripts/parts/temporary-services.mjs';
import { signToken } from '../../scripts/parts/tokens.mjs';
import { installSchemathesis } from './environment.mjs';
import { makeThings } from './things.mjs';

const TENANT = 'fuzz';
/** What has to hold for every answer, whatever was asked. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
];

/** How often a path has the id of something that there is. */
const SHARE_OF_THINGS = 0.9;
const CONFIGURATION = inRoot('test', 'fuzz', 'schemathesis.toml');

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    examples: { type: 'string', default: '200' },
    things: { type: 'boolean', default: false },
    junit: { type: 'string' },
  },
});
const steps = new Steps();
const say = (line) => steps.say(`  ${line}`);
const folder = mkdtempSync(path.join(tmpdir(), 'modelplane-fuzz-'));

let services;
async function end(code) {
  await services?.supervisor.stop('worker');
  await services?.supervisor.stop('api');
  await services?.stop();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}
onEnding(
  () => end(130),
  () => process.exit(130), // the leashes end what is left
);
onNpmGone(() => end(130));

try {
  for (const name of Object.keys(process.env)) {
    if (/^(MODELPLANE_|DATABASE_URL$|REDIS_URL$)/.test(name)) delete process.env[name];
  }
  await installEverything({ steps, say });
  const schemathesis = await steps.run('Schemathesis', installSchemathesis);
  const api = await steps.run('PostgreSQL, Redis and API', startApi);
  const things = values.things ? await steps.run('Things of its tenant', () => makeThings(api)) : [];
  writeFileSync(
    path.join(folder, 'schemathesis.toml'),
    readFileSync(CONFIGURATION, 'utf8') + parametersOf(things),
  );
  const { code } = await run(schemathesis, schemathesisArguments(api), { show: true, cwd: folder });
  await sayAnswers(api);
  if (code !== 0) sayErrors();
  await end(code === 0 ? 0 : 1);
} catch (error) {
  reportProblem(error);
  await end(1);
}

/** What the API said of its own faults: the folder of its log goes with the run. */
function sayErrors() {
  const log = readFileSync(path.join(services.stateDir, 'logs', 'api.log'), 'utf8');
  const lines = log.split('\n').filter((line) => line && !/^\{"level":"(debug|info|warn)"/.test(line));
  for (const line of lines.slice(-40)) steps.say(`  api: ${line}`);
}

/** @param things as of `makeThings` */
function parametersOf(things) {
  return things
    .map(([part, name, ids], at) => {
      const binding = `{dictionary = "things-${at}", probability = ${SHARE_OF_THINGS}}`;
      return [
        '',
        `[dictionaries.things-${at}]`,
        `values = ${JSON.stringify(ids)}`,
        '[[operations]]',
        `include-path-regex = ${JSON.stringify(part)}`,
        '[operations.parameters]',
        `"path.${name}" = ${binding}`,
        '',
      ].join('\n');
    })
    .join('');
}

/** How many requests each status answered, as the API counted them. */
async function sayAnswers({ url }) {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const counts = {};
  for (const [, status, count] of metrics.matchAll(
    /^modelplane_http_requests_total\{.*status="(\d+)".*\} (\d+)$/gm,
  ))
    counts[status] = (counts[status] ?? 0) + Number(count);
  const answered = Object.entries(counts).filter(([, count]) => count > 0);
  steps.say(`Answers by status: ${answered.map((pair) => pair.join(': ')).join(', ')}`);
}

/** Without things no worker: what is fuzzed then is HTTP, and jobs that nobody runs stay as they were submitted. */
async function startApi() {
  services = await startTemporaryServices({ say });
  const { supervisor, stateDir, urls, redis, secrets } = services;
  await migrateDatabase(urls.migrationUrl);
  const port = await rememberedPort(stateDir, 'api');
  const env = {
    ...applicationEnvironment({ stateDir, port, urls, redisUrl: redis.url, secrets }),
    MODELPLANE_ENV: 'test',
    MODELPLANE_STORAGE_GRANTS: `${TENANT}=s3://data/`,
    ...(values.things && { MODELPLANE_RATE_LIMIT_PER_MINUTE: '0' }),
  };
  await supervisor.start(apiService(env));
  if (values.things) await supervisor.start(workerService(env));
  const token = signToken({ tenant: TENANT, role: 'admin', days: 1, secret: env.MODELPLANE_JWT_SECRET });
  return { url: `http://127.0.0.1:${port}`, token };
}

function schemathesisArguments({ url, token }) {
  return [
    '--config-file',
    path.join(folder, 'schemathesis.toml'),
    'run',
    inRoot('openapi.json'),
    `--url=${url}`,
    `--header=Authorization: Bearer ${token}`,
    `--checks=${CHECKS.join(',')}`,
    '--phases=examples,coverage,fuzzing',
    `--seed=${values.seed}`,
    `--max-examples=${values.examples}`,
    '--generation-database=none',
    '--suppress-health-check=all',
    '--request-timeout=20',
    '--warnings=off',
    '--no-color',
    ...(values.junit ? ['--report=junit', `--report-junit-path=${path.resolve(values.junit)}`] : []),
  ];
}
