// node bench/predictions.mjs [--seconds 8] [--connections 1,8,50]: single predictions beside plain Fastify.
import assert from 'node:assert/strict';
import { openAsBlob, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot, TRAINER_PYTHON } from '../scripts/parts/paths.mjs';
import { rememberedPort } from '../scripts/parts/ports.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { mustRun } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { Client } from './parts/client.mjs';
import { eventLoopDelayMs, readMetrics } from './parts/metrics.mjs';
import { numberOptions } from './parts/options.mjs';
import { processorSeconds } from './parts/processor-time.mjs';
import { round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';
import { load, requireWrk } from './parts/wrk.mjs';

const WARM_UP_SECONDS = 2;
const LIMITS = { whole: 'limit', core: 'limit on the core' };
const SETS = [
  {
    name: 'numeric',
    what: '30 numbers, gradient boosting of 100 trees',
    target: 'benign',
    estimator: 'gradient_boosting',
    make: (parquet, holdout) => [
      ...['-m', 'modelplane_trainer', 'demo-data', '--out', parquet],
      ...['--holdout', '20', '--holdout-out', holdout],
    ],
  },
  {
    name: 'mixed',
    what: '10 texts and 10 numbers, histogram gradient boosting',
    target: 'label',
    estimator: 'hist_gradient_boosting',
    make: (parquet, holdout) => [inRoot('bench', 'mixed_data.py'), parquet, holdout],
  },
];

const steps = new Steps();
try {
  const { seconds, connections } = numberOptions({ seconds: [8], connections: [1, 8, 50] });
  requireWrk();
  process.exitCode = await withStack(steps, (stack) => measure(stack, seconds[0], connections));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack, seconds, connections) {
  const sets = [];
  for (const set of SETS) {
    const rows = await steps.run(`Data of the ${set.name} set`, () => makeData(stack, set));
    const model = await steps.run(`Train and promote: ${set.what}`, () => trainModel(stack, set));
    sets.push({ ...set, rows, model });
  }
  await stack.supervisor.stop('worker'); // it would only take processor time from the others
  const unguardedUrl = await steps.run('A second API without rate limit and metrics', () =>
    stack.startUnguarded(),
  );
  const measured = [];
  for (const { name, rows, model } of sets) {
    const ours = (server, url) => ({
      server,
      pid: stack.supervisor.pid(server === 'modelplane' ? 'api' : server),
      url: `${url}/api/v1/predictions`,
      token: stack.token,
    });
    const servers = [ours('modelplane', stack.url), ours('unguarded', unguardedUrl)];
    for (const part of Object.keys(LIMITS)) {
      servers.push(
        await steps.run(`Plain Fastify on the ${part} of ${name}`, () =>
          startLimit(stack, name, model, part),
        ),
      );
    }
    const requests = rows.map((features) => ({
      model_id: model.model_id,
      features,
      options: { return_probabilities: true },
    }));
    await steps.run(`All answer the same for ${rows.length} rows`, () => compare(servers, requests));
    const body = JSON.stringify(requests[0]);
    for (const count of connections) {
      for (const { server, pid, ...target } of servers) {
        const title = `${name}, ${server}, ${count} connections`;
        await steps.run(title, async (step) => {
          await load({ ...target, body, connections: count, seconds: WARM_UP_SECONDS });
          if (server === 'modelplane') await readMetrics(stack.url);
          const before = processorSeconds(pid);
          const outcome = await load({ ...target, body, connections: count, seconds });
          const cpu_us = round(((processorSeconds(pid) - before) * 1e6) / outcome.requests, 0);
          measured.push({ set: name, connections: count, server, ...outcome, cpu_us_per_request: cpu_us });
          step.says(`${title}: ${outcome.requests_per_second} requests/s`);
          if (server !== 'modelplane') return;
          const delay = eventLoopDelayMs(await readMetrics(stack.url));
          Object.assign(measured.at(-1), { event_loop_p99_ms: delay.p99 });
          step.says(
            `${title}: ${outcome.requests_per_second} requests/s, event loop p99 ${delay.p99} ms late`,
          );
        });
      }
    }
    await compare(servers, requests);
    for (const part of Object.keys(LIMITS)) await stack.supervisor.stop(limitName(name, part));
  }
  return report(measured, connections, { seconds, sets: SETS.map(({ name, what }) => ({ name, what })) });
}

function dataOf({ name }) {
  return `tenants/${TENANT}/${name}.parquet`;
}

async function makeData({ stateDir, client }, set) {
  const parquet = path.join(stateDir, `${set.name}.parquet`);
  const holdout = path.join(stateDir, `${set.name}.jsonl`);
  await mustRun(TRAINER_PYTHON, set.make(parquet, holdout), 'The data could not be made', {
    env: { ...process.env, PYTHONPATH: inRoot('trainer', 'src') },
  });
  await client.send('PUT', `/api/v1/objects/${dataOf(set)}`, await openAsBlob(parquet));
  const lines = readFileSync(holdout, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const features = JSON.parse(line);
    delete features[set.target];
    return features;
  });
}

async function trainModel({ client, stateDir }, set) {
  const request = {
    model_name: `bench-${set.name}`,
    framework: 'sklearn',
    data_config: { train_path: `s3://${dataOf(set)}`, target_column: set.target },
    hyperparameters: { estimator: set.estimator },
  };
  const before = new Set(artifactsOf(stateDir));
  const { result } = await client.train(request, { pollMs: 100 });
  for (const target_stage of ['staging', 'production']) {
    await client.send('PUT', `/api/v1/models/${result.model_id}/stage`, {
      version: result.version,
      target_stage,
    });
  }
  const version = await client.send('GET', `/api/v1/models/${result.model_id}/versions/${result.version}`);
  const whole = path.join(artifactFolder(stateDir), version.artifact.sha256);
  const [core] = artifactsOf(stateDir).filter((file) => !before.has(file) && file !== whole && isGraph(file));
  return { model_id: result.model_id, signature: version.signature, files: { whole, core } };
}

function artifactFolder(stateDir) {
  return path.join(stateDir, 'objects', 'modelplane', TENANT, 'artifacts');
}

function artifactsOf(stateDir) {
  try {
    return readdirSync(artifactFolder(stateDir)).map((name) => path.join(artifactFolder(stateDir), name));
  } catch {
    return []; // nothing has been published yet
  }
}

/** The other files of a version are JSON and Markdown; a model begins with the field ir_version. */
function isGraph(file) {
  return readFileSync(file)[0] === 0x08;
}

function limitName(set, part) {
  return `limit-${set}-${part}`;
}

async function startLimit({ supervisor, stateDir }, set, { files, signature }, part) {
  const name = limitName(set, part);
  const signatureFile = path.join(stateDir, `${name}.json`);
  writeFileSync(signatureFile, JSON.stringify(signature));
  const port = String(await rememberedPort(stateDir, name));
  const url = `http://127.0.0.1:${port}`;
  await supervisor.start({
    name,
    command: () => ({
      file: process.execPath,
      args: [inRoot('bench', 'limit.mjs'), files[part], signatureFile, port, part],
    }),
    ready: () =>
      fetch(`${url}/healthcheck`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  return { server: LIMITS[part], pid: supervisor.pid(name), url: `${url}/predict`, token: 'not-looked-at' };
}

async function compare(servers, requests) {
  for (const request of requests) {
    const answers = servers.map(({ url, token }) => new Client(url, token).send('POST', '', request));
    const [first, ...others] = (await Promise.all(answers)).map(
      ({ prediction, probabilities, confidence }) => ({ prediction, probabilities, confidence }),
    );
    for (const other of others) assert.deepEqual(other, first);
  }
}

function report(measured, connections, settings) {
  const at = (set, count, server) =>
    measured.find((one) => one.set === set && one.connections === count && one.server === server);
  const lines = [];
  const ratios = [];
  for (const one of measured) {
    const ofLimit = Object.values(LIMITS).map((limit) => {
      const beside = at(one.set, one.connections, limit);
      return {
        requests: round(one.requests_per_second / beside.requests_per_second, 2),
        cpu: round(beside.cpu_us_per_request / one.cpu_us_per_request, 2),
      };
    });
    const { server, set, connections: count } = one;
    if (server === 'modelplane')
      ratios.push({ set, connections: count, whole: ofLimit[0], core: ofLimit[1] });
    lines.push([
      server,
      set,
      count,
      one.requests_per_second,
      one.p50_ms,
      one.p99_ms,
      one.errors,
      one.cpu_us_per_request,
      ...ofLimit.flatMap(({ requests, cpu }) => [requests, cpu]),
    ]);
  }
  const header = [
    ...['server', 'set', 'connections', 'requests/s', 'p50 ms', 'p99 ms', 'errors', 'CPU us/request'],
    ...['of limit', 'by CPU', 'of core limit', 'by CPU'],
  ];
  steps.say(`\n${table(header, lines)}\n`);
  for (const { name } of settings.sets) {
    for (const count of connections) {
      const guards =
        at(name, count, 'modelplane').cpu_us_per_request - at(name, count, 'unguarded').cpu_us_per_request;
      steps.say(`${name}, ${count} connections: rate limit and metrics take ${guards} us of a request`);
    }
  }
  steps.say(writeResults('predictions', { settings, measured, ratios }));
  return measured.some(({ errors }) => errors > 0) ? 1 : 0;
}
