// node bench/training.mjs [--cases small,long,wide,forest] [--jobs 10] [--large-jobs 1]
// Training jobs over HTTP, each beside what one writes with the library alone, in a warm Python.
import assert from 'node:assert/strict';
import { existsSync, openAsBlob } from 'node:fs';
import path from 'node:path';
import { inRoot, TRAINER_PYTHON } from '../scripts/parts/paths.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { mustRun } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { namesOption, numberOptions } from './parts/options.mjs';
import { median, percentile, round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';
import { PLAIN_SCRIPT, WarmPython } from './parts/warm-python.mjs';

const DATA = process.env.MODELPLANE_TEST_DATA ?? inRoot('..', 'shared', 'data');
const PHASES = ['reading', 'fitting', 'exporting', 'checking', 'explaining', 'publishing'];
const LIGHTGBM = {
  framework: 'lightgbm',
  hyperparameters: { n_estimators: 200 },
};

/** What is trained: `file` where the data set is a public one, else it is made. */
const CASES = {
  small: {
    shows: 'logistic regression, 5,000 x 20',
    request: { framework: 'sklearn', hyperparameters: { estimator: 'logistic_regression' } },
    pollMs: 10,
  },
  long: { shows: 'LightGBM, 500,000 x 20', request: LIGHTGBM, pollMs: 50 },
  wide: { shows: 'LightGBM, 3,000 x 2,000', request: LIGHTGBM, pollMs: 50 },
  forest: {
    shows: 'extra trees, adult (32,561 x 14)',
    request: { framework: 'sklearn', hyperparameters: { estimator: 'extra_trees', n_estimators: 100 } },
    file: path.join(DATA, 'adult', 'adult.csv'),
    target: 'Y',
    pollMs: 50,
  },
};

const steps = new Steps();
try {
  const [names, args] = namesOption('cases', Object.keys(CASES), Object.keys(CASES));
  const { jobs, 'large-jobs': largeJobs } = numberOptions({ jobs: [10], 'large-jobs': [1] }, args);
  const counts = (name) => (name === 'small' ? jobs[0] : largeJobs[0]);
  process.exitCode = await withStack(steps, (stack) => measureAll(stack, names, counts));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measureAll(stack, names, counts) {
  const measured = {};
  const skipped = [];
  for (const name of names) {
    const { file } = CASES[name];
    if (file && !existsSync(file)) {
      skipped.push(`${name}: ${file} is absent; MODELPLANE_TEST_DATA names another folder`);
      continue;
    }
    measured[name] = await measure(stack, name, CASES[name], counts(name));
  }
  report(measured, skipped);
  return 0;
}

async function measure({ stateDir, client }, name, { file, request, target = 'label', pollMs }, count) {
  const data = file ?? path.join(stateDir, `${name}.parquet`);
  const object = `tenants/${TENANT}/${name}${path.extname(data)}`;
  await steps.run(`${name}: data`, async () => {
    if (!file)
      await mustRun(TRAINER_PYTHON, [PLAIN_SCRIPT, 'data', name, data], 'The data could not be made');
    await client.send('PUT', `/api/v1/objects/${object}`, await openAsBlob(data));
  });
  const body = {
    ...request,
    model_name: `bench ${name}`,
    data_config: { train_path: `s3://${object}`, target_column: target },
  };
  const python = new WarmPython(name, data);
  const jobs = [];
  const fits = [];
  try {
    if (name === 'small') {
      await steps.run(`${name}: warm both`, async () => {
        await job(client, body, pollMs);
        await python.fit();
      });
    }
    await steps.run(`${name}: ${count} jobs and ${count} plain scripts in turn`, async () => {
      for (let turn = 0; turn < count; turn += 1) {
        jobs.push(await job(client, body, pollMs));
        fits.push(await python.fit());
      }
    });
  } finally {
    python.end();
  }
  return compare(jobs, fits);
}

/** Seconds from before it is submitted until it is seen as succeeded, and what its process used. */
async function job(client, request, pollMs) {
  const start = performance.now();
  const { metrics, progress, created_at, started_at, ended_at } = await client.train(request, { pollMs });
  const seconds = (performance.now() - start) / 1000;
  const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;
  return {
    seconds,
    processor_seconds: progress.processor_seconds,
    accuracy: metrics.val_accuracy,
    waiting_seconds: between(created_at, started_at),
    running_seconds: between(started_at, ended_at),
    phase_seconds: progress.phase_seconds,
  };
}

function compare(jobs, fits) {
  const figures = (outcomes) => {
    const of = (field) => outcomes.map((one) => one[field]);
    return {
      median_seconds: round(median(of('seconds')), 4),
      p95_seconds: round(percentile(of('seconds'), 95), 4),
      processor_seconds: round(median(of('processor_seconds')), 4),
      accuracy: round(median(of('accuracy')), 4),
    };
  };
  const [ours, plain] = [figures(jobs), figures(fits)];
  assert.ok(Math.abs(ours.accuracy - plain.accuracy) < 0.03, 'both must have learnt the same');
  return {
    ours,
    plain,
    ratio: round(ours.median_seconds / plain.median_seconds, 2),
    ratio_by_cpu: round(ours.processor_seconds / plain.processor_seconds, 2),
    jobs,
    fits,
  };
}

function report(measured, skipped) {
  const row = (name, { median_seconds, p95_seconds, processor_seconds, accuracy }, ...ratios) => [
    name,
    median_seconds,
    p95_seconds,
    processor_seconds,
    accuracy,
    ...ratios,
  ];
  const header = ['', 'median s', 'p95 s', 'CPU s', 'accuracy', 'ours/plain', 'by CPU'];
  const rows = Object.entries(measured).flatMap(([name, { ours, plain, ratio, ratio_by_cpu }]) => [
    row(`${CASES[name].shows}: job over HTTP`, ours, ratio, ratio_by_cpu),
    row('  plain script', plain, '', ''),
  ]);
  steps.say(`\n${table(header, rows)}\n`);
  for (const [name, { jobs }] of Object.entries(measured)) {
    const phases = PHASES.map((phase) => `${phase} ${jobs.at(-1).phase_seconds[phase].toFixed(1)}`);
    steps.say(`${name}, seconds of the last job: ${phases.join(', ')}`);
  }
  for (const reason of skipped) steps.say(`Skipped ${reason}`);
  steps.say(writeResults('training', { measured, skipped }));
}
