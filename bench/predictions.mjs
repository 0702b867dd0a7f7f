// node bench/predictions.mjs [--seconds 3] [--rounds 5] [--connections 1,8,50] [--sets numeric,mixed]
// [--peers [mlserver,ray,…]]: single predictions beside plain Fastify, and beside other servers.
import assert from 'node:assert/strict';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { Client } from './parts/client.mjs';
import { eventLoopDelayMs, readMetrics } from './parts/metrics.mjs';
import { namesOption, numberOptions } from './parts/options.mjs';
import { below } from './parts/peak-memory.mjs';
import { PEERS, startPeer, stopPeer } from './parts/peers.mjs';
import { makeData, SETS, trainModel } from './parts/prediction-models.mjs';
import { LIMITS, oursAt, startLimit, stopLimits } from './parts/prediction-servers.mjs';
import { processorSeconds } from './parts/processor-time.mjs';
import { median, round, table, writeResults } from './parts/results.mjs';
import { withStack } from './parts/stack.mjs';
import { load, requireWrk } from './parts/wrk.mjs';

const OURS = 'modelplane';
const WARM_UP_SECONDS = 2;
/** Peers compute in float32 too, but not all of them with the service's own steps. */
const TOLERANCE = 1e-5;

const steps = new Steps();
try {
  const setNames = SETS.map(({ name }) => name);
  const [sets, rest] = namesOption('sets', setNames, setNames);
  const [peers, others] = namesOption('peers', Object.keys(PEERS), [], rest);
  const options = { seconds: [3], rounds: [5], connections: [1, 8, 50] };
  const { seconds, rounds, connections } = numberOptions(options, others);
  const settings = { seconds: seconds[0], rounds: rounds[0], connections, sets, peers };
  requireWrk();
  process.exitCode = await withStack(steps, (stack) => measure(stack, settings));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack, settings) {
  const sets = [];
  for (const set of SETS.filter(({ name }) => settings.sets.includes(name))) {
    const rows = await steps.run(`Data of the ${set.name} set`, () => makeData(stack, set));
    const model = await steps.run(`Train and promote: ${set.what}`, () => trainModel(stack, set));
    sets.push({ ...set, rows, model });
  }
  await stack.supervisor.stop('worker'); // it would only take processor time from the others
  const unguardedUrl = await steps.run('A second API without rate limit and metrics', () =>
    stack.startUnguarded(),
  );
  const measured = [];
  const failed = [];
  for (const { name, rows, model } of sets) {
    const servers = [
      oursAt(stack, { server: OURS, service: 'api', url: stack.url }, model),
      oursAt(stack, { server: 'unguarded', service: 'unguarded', url: unguardedUrl }, model),
    ];
    for (const part of Object.keys(LIMITS)) {
      servers.push(
        await steps.run(`Plain Fastify on the ${part} of ${name}`, () =>
          startLimit(stack, name, model, part),
        ),
      );
    }
    const expected = await steps.run(`All answer the same for ${rows.length} rows`, async () => {
      const [first, ...others] = await Promise.all(servers.map((server) => answersOf(server, rows)));
      for (const other of others) assert.deepEqual(other, first);
      return first;
    });
    for (const count of settings.connections) {
      measured.push(...(await driveInTurns(name, servers, count, rows[0], settings)));
    }
    for (const server of servers) assert.deepEqual(await answersOf(server, rows), expected);
    await stopLimits(stack, name);
    for (const peer of settings.peers) {
      const error = await drivePeer(stack, peer, { name, rows, model, expected }, settings, measured);
      if (error) failed.push({ set: name, peer, error });
    }
  }
  return report(measured, failed, settings);
}

/** Drives a peer at all connections; answers why it could not be, as text. */
async function drivePeer(stack, peer, { name, rows, model, expected }, settings, measured) {
  const title = PEERS[peer].title;
  try {
    const server = await steps.run(`${title} on ${name}`, async () => {
      const started = await startPeer(stack, peer, name, model);
      assertClose(await answersOf(started, rows), expected);
      return started;
    });
    for (const count of settings.connections)
      measured.push(...(await driveInTurns(name, [server], count, rows[0], settings)));
    assertClose(await answersOf(server, rows), expected);
    return null;
  } catch (error) {
    // A peer that cannot run here is no reason to tell nothing of the others.
    steps.say(`  ${title} is left out: ${error.message}\n${error.detail ?? ''}`);
    return error.message;
  } finally {
    await stopPeer(stack, peer, name);
  }
}

async function answersOf({ url, token, body, read }, rows) {
  const client = new Client(url, token);
  const answers = [];
  for (const features of rows) answers.push(read(await client.send('POST', '', JSON.parse(body(features)))));
  return answers;
}

function assertClose(actual, expected) {
  expected.forEach(({ prediction, probabilities }, row) => {
    assert.equal(actual[row].prediction, prediction, `row ${row} has another label`);
    probabilities.forEach((probability, at) => {
      const difference = Math.abs(actual[row].probabilities[at] - probability);
      assert.ok(difference <= TOLERANCE, `a probability of row ${row} is off by ${difference}`);
    });
  });
}

/** One server after the other, round by round: the speed of a shared machine changes within a minute. */
async function driveInTurns(set, servers, connections, features, { seconds, rounds }) {
  const outcomes = servers.map(() => []);
  for (let turn = 1; turn <= rounds; turn++) {
    for (const [place, server] of servers.entries())
      outcomes[place].push(await drive(set, server, connections, features, { seconds, turn }));
  }
  return servers.map(({ server }, place) => {
    const ofRounds = (field) => outcomes[place].map((outcome) => outcome[field]);
    const middle = (field) => round(median(ofRounds(field)), 2);
    return {
      ...{ set, connections, server },
      requests_per_second: middle('requests_per_second'),
      p50_ms: middle('p50_ms'),
      p99_ms: middle('p99_ms'),
      errors: ofRounds('errors').reduce((sum, each) => sum + each, 0),
      cpu_us_per_request: middle('cpu_us_per_request'),
      rounds: outcomes[place],
    };
  });
}

async function drive(set, { server, pid, url, token, body }, connections, features, { seconds, turn }) {
  const title = `${set}, ${server}, ${connections} connections, round ${turn}`;
  return steps.run(title, async (step) => {
    const target = { url, token, body: body(features), connections };
    if (turn === 1) await load({ ...target, seconds: WARM_UP_SECONDS });
    // Reading them begins a new span of the event loop's delay.
    const { origin } = new URL(url);
    if (server === OURS) await readMetrics(origin);
    const before = processorSecondsBelow(pid);
    const outcome = await load({ ...target, seconds });
    const cpu = (processorSecondsBelow(pid) - before) * 1e6;
    const measured = { ...outcome, cpu_us_per_request: round(cpu / outcome.requests, 0) };
    step.says(`${title}: ${outcome.requests_per_second} requests/s`);
    if (server !== OURS) return measured;
    const { p99 } = eventLoopDelayMs(await readMetrics(origin));
    step.says(`${title}: ${outcome.requests_per_second} requests/s, event loop p99 ${p99} ms late`);
    return { ...measured, event_loop_p99_ms: p99 };
  });
}

/** Of a server and of the processes that it started: proxies, workers, the parts of a cluster. */
function processorSecondsBelow(pid) {
  return below(pid).reduce((sum, each) => sum + (processorSeconds(each) || 0), 0);
}

/** The median over the rounds. */
function ratio(above, below, field) {
  return round(median(above.rounds.map((each, turn) => each[field] / below.rounds[turn][field])), 3);
}

function report(measured, failed, settings) {
  const at = ({ set, connections }, server) =>
    measured.find((one) => one.set === set && one.connections === connections && one.server === server);
  const ratios = measured.map((one) => {
    const besides = [...Object.values(LIMITS), OURS].map((server) => at(one, server));
    const [whole, core, ours] = besides.map((beside) => ({
      requests: ratio(one, beside, 'requests_per_second'),
      cpu: ratio(beside, one, 'cpu_us_per_request'),
    }));
    const { server, set, connections } = one;
    return { server, set, connections, whole, core, ours };
  });
  const header = [
    ...['server', 'set', 'connections', 'requests/s', 'p50 ms', 'p99 ms', 'errors', 'CPU us/request'],
    ...['of limit', 'by CPU', 'of core limit', 'by CPU', 'of ours'],
  ];
  const lines = measured.map((one, place) => {
    const { whole, core, ours } = ratios[place];
    return [
      ...[one.server, one.set, one.connections, one.requests_per_second, one.p50_ms, one.p99_ms],
      ...[one.errors, one.cpu_us_per_request],
      ...[whole.requests, whole.cpu, core.requests, core.cpu, ours.requests],
    ];
  });
  steps.say(`\n${table(header, lines)}\n`);
  for (const one of measured.filter(({ server }) => server === OURS)) {
    const guards = one.cpu_us_per_request - at(one, 'unguarded').cpu_us_per_request;
    steps.say(
      `${one.set}, ${one.connections} connections: rate limit and metrics take ${guards} us of a request`,
    );
  }
  for (const { set, peer, error } of failed) steps.say(`${set}: ${PEERS[peer].title} was left out: ${error}`);
  steps.say(writeResults('predictions', { settings, measured, ratios, failed }));
  return failed.length > 0 || measured.some(({ errors }) => errors > 0) ? 1 : 0;
}
