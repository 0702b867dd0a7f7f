// node bench/overload.mjs [--seconds 10] [--times 4] [--rounds 3]: what is answered when several times more is asked than can be.
import { Blob } from 'node:buffer';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { inRoot } from '../scripts/parts/paths.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { trainOnBreastCancer } from './parts/breast-cancer.mjs';
import { eventLoopDelayMs, readMetrics } from './parts/metrics.mjs';
import { numberOptions } from './parts/options.mjs';
import { median, percentile, round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';
import { load, requireWrk } from './parts/wrk.mjs';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const NEIGHBOURS = 12_000;
/** What an answer later than this is worth to its caller: nothing. */
const DEADLINE_MS = 5000;
const PROBE_MS = 100;
const LEAST_RATIO = 0.8;
/** Who refuses: the main thread, or the queues of the models' thread. */
const PLACES = ['event_loop', 'model', 'rows'];
/** Connections among which the peak is looked for; fewer than may wait for a model. */
const CONNECTIONS = [4, 16, 50];
const CASES = [
  { name: 'one row, of microseconds', rows: 1, closed: true },
  { name: '100 rows', rows: 100 },
  { name: '500 rows', rows: 500 },
];

const steps = new Steps();
try {
  const { seconds, times, rounds } = numberOptions({ seconds: [10], times: [4], rounds: [3] });
  const settings = { seconds: seconds[0], times: times[0], rounds: rounds[0] };
  requireWrk();
  process.exitCode = await withStack(steps, (stack) => measure(stack, settings));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack, settings) {
  const points = await steps.run(`${NEIGHBOURS} neighbours`, () => trainNeighbours(stack));
  const quick = await steps.run('Gradient boosting of 100 trees', () =>
    trainOnBreastCancer(stack, 'quick', { estimator: 'gradient_boosting' }),
  );
  await stack.supervisor.stop('worker'); // it would only take processor time from the others
  const url = await steps.run('An API without rate limit', () =>
    stack.startAnother('unlimited', { MODELPLANE_RATE_LIMIT_PER_MINUTE: '0' }),
  );
  const measured = [];
  for (const each of CASES) {
    const body = JSON.stringify(
      each.closed
        ? { model_id: quick.model_id, features: quick.rows[0] }
        : { model_id: points, features: rowsOf(each.rows) },
    );
    const target = { url: `${url}/api/v1/predictions`, token: stack.token, body };
    await load({ ...target, connections: 4, seconds: 2 });
    const connections = await steps.run(`Most answers: ${each.name}`, () => bestOf(target, settings));
    const rounds = [];
    for (let turn = 1; turn <= settings.rounds; turn++) {
      rounds.push(
        await steps.run(`Round ${turn}: ${each.name}`, () =>
          peakAndOverload({ ...target, connections }, url, each, settings),
        ),
      );
    }
    measured.push({ ...each, connections, ...summaryOf(rounds), rounds });
  }
  return report(measured, settings);
}

function rowsOf(count) {
  return Array.from({ length: count }, (_, at) =>
    Object.fromEntries(NAMES.map((name, column) => [name, Math.cos(at * (column + 1))])),
  );
}

async function trainNeighbours({ client }) {
  const lines = Array.from({ length: NEIGHBOURS }, (_, at) => {
    const values = NAMES.map((_, column) => Math.sin(at * (column + 1)).toFixed(6));
    return [...values, Number(values[0]) + Number(values[1]) > 0 ? 'high' : 'low'].join(',');
  });
  const csv = new Blob([[[...NAMES, 'y'].join(','), ...lines].join('\n')]);
  const key = `tenants/${TENANT}/points.csv`;
  await client.send('PUT', `/api/v1/objects/${key}`, csv);
  const { result } = await client.train(
    {
      model_name: 'points',
      framework: 'sklearn',
      data_config: { train_path: `s3://${key}`, target_column: 'y' },
      hyperparameters: { estimator: 'k_nearest_neighbors' },
    },
    { pollMs: 100 },
  );
  return result.model_id;
}

/** How many connections get most answers where each waits for its own. */
async function bestOf(target, { seconds }) {
  const found = [];
  for (const connections of CONNECTIONS)
    found.push({ connections, ...(await load({ ...target, connections, seconds: Math.ceil(seconds / 2) })) });
  return found.reduce((best, each) => (each.requests_per_second > best.requests_per_second ? each : best))
    .connections;
}

/** One right after the other: a shared machine changes its speed within a minute. */
async function peakAndOverload(target, url, { closed }, { seconds, times }) {
  const peak = await load({ ...target, seconds });
  const before = await readMetrics(url);
  const health = probe(url);
  // Four times what the quick case answers is more than these cores could ask for: four times the connections, then.
  const over = closed
    ? await closedLoop(target, target.connections * times, seconds)
    : await openLoop({
        ...target,
        perSecond: peak.requests_per_second * times,
        seconds,
        deadlineMs: DEADLINE_MS,
      });
  const after = await readMetrics(url);
  return {
    ...over,
    peak_per_second: peak.requests_per_second,
    ratio: round(over.goodput_per_second / peak.requests_per_second, 2),
    health: await health.stop(),
    event_loop: eventLoopDelayMs(after),
    refused_by: PLACES.filter((place) => after(refusals(place)) > before(refusals(place))),
  };
}

function summaryOf(rounds) {
  const middle = (field) => round(median(rounds.map((each) => each[field])), 2);
  const sum = (field, list = rounds) => list.reduce((total, each) => total + each[field], 0);
  const health = rounds.map((each) => each.health);
  return {
    peak_per_second: middle('peak_per_second'),
    offered: rounds.at(-1).offered,
    goodput_per_second: middle('goodput_per_second'),
    ratio: middle('ratio'),
    refused: sum('refused'),
    refused_by: PLACES.filter((place) => rounds.some((each) => each.refused_by.includes(place))),
    late: sum('late'),
    failed: sum('failed'),
    p50_ms: middle('p50_ms'),
    p99_ms: middle('p99_ms'),
    health: {
      asked: sum('asked', health),
      failed: sum('failed', health),
      p50_ms: round(median(health.map(({ p50_ms }) => p50_ms)), 1),
      most_ms: Math.max(...health.map(({ most_ms }) => most_ms)),
    },
    event_loop_p99_ms: round(median(rounds.map(({ event_loop }) => event_loop.p99)), 2),
    retry_after: [...new Set(rounds.flatMap((each) => each.retry_after ?? []))],
  };
}

function refusals(place) {
  return `modelplane_overloaded_total{where="${place}"}`;
}

async function closedLoop(target, connections, seconds) {
  const { requests_per_second, p50_ms, p99_ms, errors } = await load({ ...target, connections, seconds });
  return {
    offered: `${connections} connections`,
    goodput_per_second: requests_per_second,
    p50_ms,
    p99_ms,
    refused: 0,
    late: 0,
    failed: errors,
  };
}

async function openLoop(target) {
  const child = spawn(process.execPath, [inRoot('bench', 'parts', 'open-loop.mjs')], {
    env: { ...process.env, BENCH_LOAD: JSON.stringify(target) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks = await child.stdout.toArray();
  return { offered: `${round(target.perSecond, 0)}/s`, ...JSON.parse(Buffer.concat(chunks).toString()) };
}

/** Asks for the health of the service, as who watches over it does, each time on a connection of its own. */
function probe(url) {
  const waits = [];
  let failed = 0;
  let stopped = false;
  const asking = (async () => {
    while (!stopped) {
      const start = performance.now();
      const ok = await fetch(`${url}/healthcheck`, {
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(10_000),
      }).then(
        (response) => response.arrayBuffer().then(() => response.ok),
        () => false,
      );
      waits.push(performance.now() - start);
      if (!ok) failed++;
      await sleep(PROBE_MS);
    }
  })();
  const stop = async () => {
    stopped = true;
    await asking;
    return {
      asked: waits.length,
      failed,
      p50_ms: round(percentile(waits, 50), 1),
      most_ms: round(Math.max(...waits), 1),
    };
  };
  return { stop };
}

function report(measured, settings) {
  const header = [
    ...[
      'requests of',
      'peak/s',
      'at connections',
      'offered',
      'goodput/s',
      'of peak',
      'in each round',
      'refused',
      'by',
      'late',
      'failed',
    ],
    ...['p50 ms', 'p99 ms', 'health p50 ms', 'most', 'failed', 'event loop p99 ms'],
  ];
  const lines = measured.map(({ name, health, ...all }) => [
    ...[name, all.peak_per_second, all.connections, all.offered, all.goodput_per_second, all.ratio],
    ...[all.rounds.map(({ ratio }) => ratio).join(' ')],
    ...[all.refused, all.refused_by.join(' '), all.late, all.failed, all.p50_ms, all.p99_ms],
    ...[health.p50_ms, health.most_ms, health.failed, all.event_loop_p99_ms],
  ]);
  steps.say(`\n${table(header, lines)}\n`);
  for (const { name, retry_after: seconds } of measured)
    if (seconds.length > 0) steps.say(`${name}: Retry-After of ${seconds.join(', ')} s`);
  steps.say(writeResults('overload', { settings, measured }));
  const isGood = ({ ratio, failed, health }) => ratio >= LEAST_RATIO && failed === 0 && health.failed === 0;
  return measured.every(isGood) ? 0 : 1;
}
