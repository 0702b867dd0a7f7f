// node bench/training.mjs [--jobs 10]: a small training job over HTTP beside the same fit in a warm Python.
import assert from 'node:assert/strict';
import { openAsBlob } from 'node:fs';
import path from 'node:path';
import { TRAINER_PYTHON } from '../scripts/parts/paths.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { mustRun } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { numberOptions } from './parts/options.mjs';
import { median, percentile, round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';
import { FIT_SCRIPT, WarmPython } from './parts/warm-python.mjs';

const DATA = `tenants/${TENANT}/rows.parquet`;
const POLL_MS = 10;
const REQUEST = {
  model_name: 'bench',
  framework: 'sklearn',
  data_config: { train_path: `s3://${DATA}`, target_column: 'label' },
  hyperparameters: { estimator: 'logistic_regression' },
};

const steps = new Steps();
try {
  const { jobs } = numberOptions({ jobs: [10] });
  process.exitCode = await withStack(steps, (stack) => measure(stack, jobs[0]));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure({ stateDir, client }, count) {
  const parquet = path.join(stateDir, 'rows.parquet');
  await steps.run('Data: 5,000 rows of 20 numbers', async () => {
    await mustRun(TRAINER_PYTHON, [FIT_SCRIPT, 'data', parquet], 'The data could not be made');
    await client.send('PUT', `/api/v1/objects/${DATA}`, await openAsBlob(parquet));
  });
  const python = new WarmPython(parquet);
  try {
    await steps.run('Warm both', async () => {
      await job(client);
      await python.fit();
    });
    const jobs = [];
    const fits = [];
    await steps.run(`${count} jobs and ${count} fits in turn`, async () => {
      for (let turn = 0; turn < count; turn += 1) {
        jobs.push(await job(client));
        fits.push(await python.fit());
      }
    });
    return report(jobs, fits);
  } finally {
    python.end();
  }
}

/** From before it is submitted until it is seen as succeeded. */
async function job(client) {
  const start = performance.now();
  const { metrics, created_at, started_at, ended_at } = await client.train(REQUEST, { pollMs: POLL_MS });
  const seconds = (performance.now() - start) / 1000;
  const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
  return {
    seconds,
    accuracy: metrics.val_accuracy,
    waiting_seconds: between(created_at, started_at),
    running_seconds: between(started_at, ended_at),
  };
}

function report(jobs, fits) {
  const figures = (outcomes) => {
    const seconds = outcomes.map((one) => one.seconds);
    return {
      median_seconds: round(median(seconds), 4),
      p95_seconds: round(percentile(seconds, 95), 4),
      accuracy: round(median(outcomes.map(({ accuracy }) => accuracy)), 4),
    };
  };
  const ours = figures(jobs);
  const limit = figures(fits);
  assert.ok(Math.abs(ours.accuracy - limit.accuracy) < 0.03, 'both must have learnt the same');
  const ratio = round(ours.median_seconds / limit.median_seconds, 2);
  const row = (name, { median_seconds, p95_seconds, accuracy }, times) => [
    name,
    median_seconds,
    p95_seconds,
    accuracy,
    times,
  ];
  const header = ['', 'median s', 'p95 s', 'accuracy', 'ours/limit'];
  const rows = [row('job over HTTP', ours, ratio), row('fit in warm Python', limit, '')];
  steps.say(`\n${table(header, rows)}\n`);
  steps.say(writeResults('training', { settings: { poll_ms: POLL_MS }, ours, limit, ratio, jobs, fits }));
  return 0;
}
