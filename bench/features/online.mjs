// Reading features online: the service, plain.mjs and `feast serve`, on one Redis and the same values.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { rememberedPort } from '../../scripts/parts/ports.mjs';
import { mustRun } from '../../scripts/parts/programs.mjs';
import { pythonWith } from '../../scripts/parts/python-environment.mjs';
import { below } from '../parts/peak-memory.mjs';
import { answers } from '../parts/prediction-servers.mjs';
import { processorSeconds } from '../parts/processor-time.mjs';
import { median, round, table } from '../parts/results.mjs';
import { load } from '../parts/wrk.mjs';

const VIEW = 'customer_features';
const ENTITIES = 1000;
const NAMES = Array.from({ length: 10 }, (_, at) => `feature_${at}`);
const PLAIN_PREFIX = 'plain:';
const WARM_UP_SECONDS = 2;
/** Entities and features of a request, and how many times the requests/s of each peer are aimed at. */
const CASES = [
  { entities: 1, features: 3, aims: { plain: 0.7, feast: 10 } },
  { entities: 100, features: 10, aims: { plain: 1, feast: 15 } },
];

export async function measureOnline(stack, steps, settings) {
  const rows = makeRows();
  const servers = [await steps.run('Define and push features', () => ours(stack, rows))];
  await stack.supervisor.stop('worker'); // it would only take processor time from the others
  const plain = await steps.run('Plain Fastify and ioredis', () => startPlain(stack, rows));
  servers.push(plain);
  if (settings.peers.includes('feast'))
    servers.push(await steps.run('feast serve', () => startFeast(stack, rows)));
  try {
    const measured = [];
    for (const of of CASES) measured.push(...(await driveInTurns(steps, servers, of, rows, settings)));
    return report(steps, measured);
  } finally {
    for (const name of ['plain', 'feast']) await stack.supervisor.stop(name);
  }
}

/** Whole numbers and others by turns, which all three hold exactly. */
function makeRows() {
  const valueOf = (entity, at) =>
    at % 2 ? Math.round(Math.sin(entity * 10 + at) * 1e6) / 1e3 : (entity * 7 + at) % 1000;
  return Array.from({ length: ENTITIES }, (_, entity) => ({
    customer_id: `customer-${entity}`,
    ...Object.fromEntries(NAMES.map((name, at) => [name, valueOf(entity, at)])),
  }));
}

const typeOf = (at) => (at % 2 ? 'float64' : 'int64');

async function ours({ client, supervisor, url, token }, rows) {
  const put = (name, body) => client.send('PUT', `/api/v1/features/${name}`, body);
  await put('entities/customer', { keys: [{ name: 'customer_id', type: 'string' }] });
  await put(`views/${VIEW}`, {
    entities: ['customer'],
    source: { path: 's3://tenants/bench/customers.parquet' },
    timestamp_column: 'event_timestamp',
    ttl_seconds: 86_400,
    features: NAMES.map((name, at) => ({ name, type: typeOf(at) })),
  });
  const event_timestamp = new Date().toISOString();
  const pushed = rows.map((row) => ({ ...row, event_timestamp }));
  await client.send('POST', '/api/v1/features/push', { view: VIEW, rows: pushed });
  return {
    server: 'modelplane',
    pid: supervisor.pid('api'),
    url: `${url}/api/v1/features/online`,
    token,
    ...seedRequest,
  };
}

/** The request of the API, and its rows. */
const seedRequest = {
  body: (ids, names) =>
    JSON.stringify({
      feature_refs: names.map((name) => `${VIEW}:${name}`),
      entity_rows: ids.map((customer_id) => ({ customer_id })),
    }),
  read: ({ results }) => results,
};

async function startPlain({ supervisor, stateDir, env }, rows) {
  const redis = new Redis(env.REDIS_URL);
  const pipeline = redis.pipeline();
  for (const { customer_id: id, ...values } of rows) pipeline.hset(PLAIN_PREFIX + id, values);
  await pipeline.exec();
  redis.disconnect();
  const port = String(await rememberedPort(stateDir, 'plain'));
  await supervisor.start({
    name: 'plain',
    command: () => ({
      file: process.execPath,
      args: [inRoot('bench', 'features', 'plain.mjs'), port, env.REDIS_URL, PLAIN_PREFIX],
    }),
    ready: () => answers(`http://127.0.0.1:${port}/healthcheck`),
  });
  return {
    server: 'plain',
    pid: supervisor.pid('plain'),
    url: `http://127.0.0.1:${port}/features/online`,
    token: 'not-looked-at',
    ...seedRequest,
  };
}

async function startFeast({ supervisor, stateDir, env }, rows) {
  const python = await pythonWith('feast', inRoot('test', 'feast', 'requirements.lock'));
  const folder = path.join(stateDir, 'feast');
  mkdirSync(folder, { recursive: true });
  const { hostname, port: redisPort, password } = new URL(env.REDIS_URL);
  // A database of its own keeps its keys apart.
  const online = `${hostname}:${redisPort},db=1${password && `,password=${password}`}`;
  writeFileSync(path.join(folder, 'rows.json'), JSON.stringify({ view: VIEW, names: NAMES, rows }));
  writeFileSync(
    path.join(folder, 'feature_store.yaml'),
    [
      'project: bench',
      'provider: local',
      'registry: registry.db',
      `online_store: {type: redis, connection_string: "${online}"}`,
      'offline_store: {type: file}',
      'entity_key_serialization_version: 3',
    ].join('\n'),
  );
  const environment = { PATH: process.env.PATH, HOME: folder, FEAST_USAGE: 'False', IS_TEST: 'True' };
  const script = inRoot('bench', 'features', 'feast_store.py');
  await mustRun(python, [script], 'Feast could not take the features', { cwd: folder, env: environment });
  const port = String(await rememberedPort(stateDir, 'feast'));
  await supervisor.start({
    name: 'feast',
    command: () => ({
      file: path.join(path.dirname(python), 'feast'),
      // By default a worker is started anew every 1,000 requests, which halves what it answers.
      args: [
        'serve',
        '--host',
        '127.0.0.1',
        '--port',
        port,
        '--workers',
        '1',
        '--no-access-log',
        '--max-requests',
        '0',
      ],
      cwd: folder,
      env: environment,
    }),
    ready: () => answers(`http://127.0.0.1:${port}/health`),
    readyTimeoutMs: 120_000,
    stopGraceMs: 20_000,
  });
  return {
    server: 'feast',
    pid: supervisor.pid('feast'),
    url: `http://127.0.0.1:${port}/get-online-features`,
    token: 'not-looked-at',
    body: (ids, names) =>
      JSON.stringify({
        features: names.map((name) => `${VIEW}:${name}`),
        entities: { customer_id: ids },
      }),
    read: ({ metadata: { feature_names: names }, results }) =>
      results[0].values.map((_, row) =>
        Object.fromEntries(names.map((name, at) => [name, results[at].values[row]])),
      ),
  };
}

/** One server after the other, round by round: the speed of a shared machine changes within a minute. */
async function driveInTurns(steps, servers, { entities, features, aims }, rows, settings) {
  const names = NAMES.slice(0, features);
  const asked = rows.slice(0, entities);
  const ids = asked.map(({ customer_id: id }) => id);
  const expected = asked.map((row) =>
    Object.fromEntries(['customer_id', ...names].map((name) => [name, row[name]])),
  );
  const title = `${entities} x ${features}`;
  await steps.run(`All answer the same of ${title}`, async () => {
    for (const server of servers) assert.deepEqual(await ask(server, ids, names), expected, server.server);
  });
  const outcomes = servers.map(() => []);
  for (let turn = 1; turn <= settings.rounds; turn++)
    for (const [at, server] of servers.entries())
      outcomes[at].push(
        await drive(steps, `${title}, ${server.server}, round ${turn}`, server, ids, names, settings, turn),
      );
  const ratioTo = (at) => (other) => {
    const place = servers.findIndex(({ server }) => server === other);
    const ratio = (field, turned) =>
      round(
        median(outcomes[at].map((one, turn) => (one[field] / outcomes[place][turn][field]) ** turned)),
        3,
      );
    return { by_requests: ratio('requests_per_second', 1), by_cpu: ratio('cpu_us_per_request', -1) };
  };
  return servers.map(({ server }, at) => {
    const middle = (field) => round(median(outcomes[at].map((one) => one[field])), 2);
    return {
      ...{ case: title, server, aims, rounds: outcomes[at] },
      requests_per_second: middle('requests_per_second'),
      p50_ms: middle('p50_ms'),
      p99_ms: middle('p99_ms'),
      cpu_us_per_request: middle('cpu_us_per_request'),
      errors: outcomes[at].reduce((sum, { errors }) => sum + errors, 0),
      ratios: Object.fromEntries(servers.slice(1).map((other) => [other.server, ratioTo(at)(other.server)])),
    };
  });
}

async function drive(steps, title, { url, token, pid, body }, ids, names, { seconds, connections }, turn) {
  return steps.run(title, async (step) => {
    const target = { url, token, body: body(ids, names), connections };
    if (turn === 1) await load({ ...target, seconds: WARM_UP_SECONDS });
    const before = processorSecondsBelow(pid);
    const outcome = await load({ ...target, seconds });
    const cpu = (processorSecondsBelow(pid) - before) * 1e6;
    step.says(`${title}: ${outcome.requests_per_second} requests/s`);
    return { ...outcome, cpu_us_per_request: round(cpu / outcome.requests, 0) };
  });
}

async function ask({ url, token, body, read }, ids, names) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body(ids, names),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return read(await response.json());
}

/** Of a server and of the processes that it started. */
function processorSecondsBelow(pid) {
  return below(pid).reduce((sum, each) => sum + (processorSeconds(each) || 0), 0);
}

function report(steps, measured) {
  const header = [
    'case',
    'server',
    'requests/s',
    'p50 ms',
    'p99 ms',
    'errors',
    'CPU us/request',
    'of plain',
    'by CPU',
  ];
  const lines = measured.map((one) => [
    ...[one.case, one.server, one.requests_per_second, one.p50_ms, one.p99_ms, one.errors],
    ...[one.cpu_us_per_request, one.ratios.plain.by_requests, one.ratios.plain.by_cpu],
  ]);
  steps.say(`\n${table(header, lines)}\n`);
  let failed = measured.some(({ errors }) => errors > 0);
  for (const { case: title, ratios, aims } of measured.filter(({ server }) => server === 'modelplane'))
    for (const [peer, { by_requests: ratio }] of Object.entries(ratios)) {
      steps.say(`${title}: ${ratio} of ${peer}, aim ${aims[peer]}${ratio < aims[peer] ? ': missed' : ''}`);
      failed ||= ratio < aims[peer];
    }
  return { measured, failed };
}
