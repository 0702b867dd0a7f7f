// node bench/predictions.mjs [--seconds 8] [--connections 1,8,50]: single predictions beside plain Fastify.
import assert from 'node:assert/strict';
import { openAsBlob, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot, TRAINER_PYTHON } from '../scripts/parts/paths.mjs';
import { rememberedPort } from '../scripts/parts/ports.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { mustRun } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { Client } from './parts/client.mjs';
import { numberOptions } from './parts/options.mjs';
import { processorSeconds } from './parts/processor-time.mjs';
import { round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';
import { load, requireWrk } from './parts/wrk.mjs';

const WARM_UP_SECONDS = 2;
const TARGET = 'benign';
const DATA = `tenants/${TENANT}/breast_cancer.parquet`;

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
  const rows = await steps.run('Demo data', () => demoData(stack));
  const model = await steps.run('Train and promote gradient boosting, 100 trees', () => trainModel(stack));
  await stack.supervisor.stop('worker'); // it would only take processor time from the others
  const unguardedUrl = await steps.run('A second API without rate limit and metrics', () =>
    stack.startUnguarded(),
  );
  const limitUrl = await steps.run('Plain Fastify on the same artifact', () => startLimit(stack, model));
  const pid = (name) => stack.supervisor.pid(name);
  const servers = [
    { name: 'modelplane', pid: pid('api'), url: `${stack.url}/api/v1/predictions`, token: stack.token },
    {
      name: 'unguarded',
      pid: pid('unguarded'),
      url: `${unguardedUrl}/api/v1/predictions`,
      token: stack.token,
    },
    { name: 'limit', pid: pid('limit'), url: `${limitUrl}/predict`, token: 'not-looked-at' },
  ];
  const requests = rows.map((features) => ({
    model_id: model.model_id,
    features,
    options: { return_probabilities: true },
  }));
  await steps.run(`All answer the same for ${rows.length} rows`, () => compare(servers, requests));

  const body = JSON.stringify(requests[0]);
  const measured = [];
  for (const count of connections) {
    for (const { name, pid, ...target } of servers) {
      await steps.run(`${name}, ${count} connections`, async (step) => {
        await load({ ...target, body, connections: count, seconds: WARM_UP_SECONDS });
        const before = processorSeconds(pid);
        const outcome = await load({ ...target, body, connections: count, seconds });
        const cpu_us = round(((processorSeconds(pid) - before) * 1e6) / outcome.requests, 0);
        measured.push({ connections: count, server: name, ...outcome, cpu_us_per_request: cpu_us });
        step.says(`${name}, ${count} connections: ${outcome.requests_per_second} requests/s`);
      });
    }
  }
  await compare(servers, requests);
  return report(measured, connections, { seconds, features: Object.keys(rows[0]).length, trees: 100 });
}

async function demoData({ stateDir, client }) {
  const parquet = path.join(stateDir, 'rows.parquet');
  const holdout = path.join(stateDir, 'holdout.jsonl');
  await mustRun(
    TRAINER_PYTHON,
    ['-m', 'modelplane_trainer', 'demo-data', '--out', parquet, '--holdout', '20', '--holdout-out', holdout],
    'The demo data could not be made',
    { env: { ...process.env, PYTHONPATH: inRoot('trainer', 'src') } },
  );
  await client.send('PUT', `/api/v1/objects/${DATA}`, await openAsBlob(parquet));
  const lines = readFileSync(holdout, 'utf8').trim().split('\n');
  return lines.map((line) => {
    const features = JSON.parse(line);
    delete features[TARGET];
    return features;
  });
}

async function trainModel({ client }) {
  const request = {
    model_name: 'bench',
    framework: 'sklearn',
    data_config: { train_path: `s3://${DATA}`, target_column: TARGET },
    hyperparameters: { estimator: 'gradient_boosting', n_estimators: 100 },
  };
  const { result } = await client.train(request, { pollMs: 100 });
  for (const target_stage of ['staging', 'production']) {
    await client.send('PUT', `/api/v1/models/${result.model_id}/stage`, {
      version: result.version,
      target_stage,
    });
  }
  const version = await client.send('GET', `/api/v1/models/${result.model_id}/versions/${result.version}`);
  return { model_id: result.model_id, signature: version.signature, sha256: version.artifact.sha256 };
}

async function startLimit({ supervisor, stateDir }, { sha256, signature }) {
  const artifact = path.join(stateDir, 'objects', 'modelplane', TENANT, 'artifacts', sha256);
  const signatureFile = path.join(stateDir, 'signature.json');
  writeFileSync(signatureFile, JSON.stringify(signature));
  const port = String(await rememberedPort(stateDir, 'limit'));
  const url = `http://127.0.0.1:${port}`;
  await supervisor.start({
    name: 'limit',
    command: () => ({
      file: process.execPath,
      args: [inRoot('bench', 'limit.mjs'), artifact, signatureFile, port],
    }),
    ready: () =>
      fetch(`${url}/healthcheck`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  return url;
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
  const at = (count, name) => measured.find((one) => one.connections === count && one.server === name);
  const ratio = (count, name) =>
    round(at(count, name).requests_per_second / at(count, 'limit').requests_per_second, 3);
  const ratios = connections.map((count) => ({
    connections: count,
    ratio: ratio(count, 'modelplane'),
    guards_us: at(count, 'modelplane').cpu_us_per_request - at(count, 'unguarded').cpu_us_per_request,
  }));
  const lines = measured.map((one) => [
    one.server,
    one.connections,
    one.requests_per_second,
    one.p50_ms,
    one.p99_ms,
    one.errors,
    one.cpu_us_per_request,
    one.server === 'limit' ? '' : ratio(one.connections, one.server),
  ]);
  const header = [
    'server',
    'connections',
    'requests/s',
    'p50 ms',
    'p99 ms',
    'errors',
    'CPU us/request',
    'ours/limit',
  ];
  steps.say(`\n${table(header, lines)}\n`);
  for (const { connections: count, guards_us } of ratios)
    steps.say(`rate limit and metrics at ${count} connections: ${guards_us} us of processor time a request`);
  steps.say(writeResults('predictions', { settings, measured, ratios }));
  return measured.some(({ errors }) => errors > 0) ? 1 : 0;
}
