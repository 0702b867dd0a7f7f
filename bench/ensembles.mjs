// node bench/ensembles.mjs [--seconds 3] [--rounds 5] [--connections 1,50]: one row for an ensemble of three members,
// beside each member alone, and beside plain onnxruntime that runs the three graphs.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../scripts/parts/paths.mjs';
import { rememberedPort } from '../scripts/parts/ports.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { Client } from './parts/client.mjs';
import { numberOptions } from './parts/options.mjs';
import { makeData, SETS, trainModel } from './parts/prediction-models.mjs';
import { answers } from './parts/prediction-servers.mjs';
import { processorSeconds } from './parts/processor-time.mjs';
import { median, round, table, writeResults } from './parts/results.mjs';
import { withStack } from './parts/stack.mjs';
import { load, requireWrk } from './parts/wrk.mjs';

const ESTIMATORS = ['logistic_regression', 'gradient_boosting', 'random_forest'];
const ENSEMBLE = 'ensemble of three';
const GRAPHS = 'onnxruntime, three graphs';
const WARM_UP_SECONDS = 2;
/** The service sums in another order than the plain server. */
const TOLERANCE = 1e-12;
/** The most that the ensemble may take of the slowest member's time, and of that of three requests. */
const AIMS = { of_slowest: 1.3, of_three_requests: 0.5 };

const steps = new Steps();
try {
  const { seconds, rounds, connections } = numberOptions({ seconds: [3], rounds: [5], connections: [1, 50] });
  const settings = { seconds: seconds[0], rounds: rounds[0], connections };
  requireWrk();
  process.exitCode = await withStack(steps, (stack) => measure(stack, settings));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack, settings) {
  const [numeric] = SETS;
  const rows = await steps.run('Data: 30 numbers', () => makeData(stack, numeric));
  const members = [];
  for (const estimator of ESTIMATORS)
    members.push(await steps.run(`Train ${estimator}`, () => trainModel(stack, { ...numeric, estimator })));
  const ensemble = await stack.client.send('POST', '/api/v1/ensembles', {
    name: 'bench-ensemble',
    method: 'voting_soft',
    models: members.map(({ model_id, version }) => ({ model_id, version })),
  });
  await stack.supervisor.stop('worker'); // it would only take processor time from the others
  const servers = [
    ...members.map((member, at) => ours(stack, ESTIMATORS[at], member)),
    ours(stack, ENSEMBLE, { model_id: ensemble.model_id, version: ensemble.version }),
    await steps.run(GRAPHS, () => startGraphs(stack, members)),
  ];
  await steps.run('Both ensembles answer the same', () => compare(servers.slice(-2), rows));
  const measured = [];
  for (const count of settings.connections)
    measured.push(...(await driveInTurns(servers, count, rows[0], settings)));
  return report(measured, settings);
}

function ours({ supervisor, url, token }, server, { model_id, version }) {
  return {
    server,
    pid: supervisor.pid('api'),
    url: `${url}/api/v1/predictions`,
    token,
    body: (features) => ({ model_id, version, features, options: { return_probabilities: true } }),
  };
}

async function startGraphs({ supervisor, stateDir }, members) {
  const port = String(await rememberedPort(stateDir, 'graphs'));
  const files = members.flatMap(({ files: { core }, signature }, at) => {
    const signatureFile = path.join(stateDir, `signature-${at}.json`);
    writeFileSync(signatureFile, JSON.stringify(signature));
    return [core, signatureFile];
  });
  const url = `http://127.0.0.1:${port}`;
  await supervisor.start({
    name: 'graphs',
    command: () => ({
      file: process.execPath,
      args: [inRoot('bench', 'ensembles', 'graphs.mjs'), port, ...files],
    }),
    ready: () => answers(`${url}/healthcheck`),
  });
  const body = (features) => ({ features });
  return {
    server: GRAPHS,
    pid: supervisor.pid('graphs'),
    url: `${url}/predict`,
    token: 'not-looked-at',
    body,
  };
}

async function compare(servers, rows) {
  for (const features of rows) {
    const [first, second] = await Promise.all(
      servers.map(({ url, token, body }) => new Client(url, token).send('POST', '', body(features))),
    );
    assert.deepEqual(first.prediction, second.prediction);
    first.probabilities[0].forEach((probability, at) =>
      assert.ok(Math.abs(probability - second.probabilities[0][at]) <= TOLERANCE),
    );
  }
}

/** One after the other, round by round: the speed of a shared machine changes within a minute. */
async function driveInTurns(servers, connections, features, { seconds, rounds }) {
  const outcomes = servers.map(() => []);
  for (let turn = 1; turn <= rounds; turn++) {
    for (const [place, { server, pid, url, token, body }] of servers.entries()) {
      const title = `${server}, ${connections} connections, round ${turn}`;
      const outcome = await steps.run(title, async (step) => {
        const target = { url, token, body: JSON.stringify(body(features)), connections };
        if (turn === 1) await load({ ...target, seconds: WARM_UP_SECONDS });
        const before = processorSeconds(pid);
        const loaded = await load({ ...target, seconds });
        step.says(`${title}: ${loaded.requests_per_second} requests/s`);
        const cpu = ((processorSeconds(pid) - before) * 1e6) / loaded.requests;
        return { ...loaded, us_per_request: 1e6 / loaded.requests_per_second, cpu_us_per_request: cpu };
      });
      outcomes[place].push(outcome);
    }
  }
  return servers.map(({ server }, place) => ({ server, connections, rounds: outcomes[place] }));
}

/** Medians over the rounds of the ensemble's time beside that of others, by the clock and by the processor. */
function ratiosOf(ofCount) {
  const roundsOf = (name) => ofCount.find(({ server }) => server === name).rounds;
  const each = (field) => {
    const over = (timeOf) =>
      round(median(roundsOf(ENSEMBLE).map((one, turn) => one[field] / timeOf(turn))), 2);
    const members = (turn) => ESTIMATORS.map((name) => roundsOf(name)[turn][field]);
    return {
      of_slowest: over((turn) => Math.max(...members(turn))),
      of_three_requests: over((turn) => members(turn).reduce((sum, time) => sum + time, 0)),
      of_graphs: over((turn) => roundsOf(GRAPHS)[turn][field]),
    };
  };
  return { by_clock: each('us_per_request'), by_cpu: each('cpu_us_per_request') };
}

function report(measured, settings) {
  const middle = (one, field, digits) => round(median(one.rounds.map((each) => each[field])), digits);
  const header = ['', 'connections', 'requests/s', 'p50 ms', 'p99 ms', 'CPU us/request'];
  const lines = measured.map((one) => [
    ...[one.server, one.connections, middle(one, 'requests_per_second', 0)],
    ...[middle(one, 'p50_ms', 2), middle(one, 'p99_ms', 2), middle(one, 'cpu_us_per_request', 0)],
  ]);
  steps.say(`\n${table(header, lines)}\n`);
  const ratios = settings.connections.map((connections) => ({
    connections,
    ...ratiosOf(measured.filter((one) => one.connections === connections)),
  }));
  const ratioLines = ratios.flatMap(({ connections, ...ways }) =>
    Object.entries(ways).map(([way, { of_slowest, of_three_requests, of_graphs }]) => [
      ...[`ensemble, ${way.replace('_', ' ')}`, connections, of_slowest, of_three_requests, of_graphs],
    ]),
  );
  const ratioHeader = [
    'time of the',
    'connections',
    'of the slowest member',
    'of three requests',
    'of the graphs',
  ];
  steps.say(`${table(ratioHeader, ratioLines)}\n`);
  const { of_slowest, of_three_requests } = AIMS;
  steps.say(`Aims: at most ${of_slowest} of the slowest member, ${of_three_requests} of three requests.`);
  steps.say(writeResults('ensembles', { settings, measured, ratios }));
  return measured.some(({ rounds }) => rounds.some(({ errors }) => errors > 0)) ? 1 : 0;
}
