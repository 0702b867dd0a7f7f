// node bench/batch.mjs [--rows 1000000] [--mixed-rows 1000000] [--runs 3] [--ray-rows 1000000]: a batch over HTTP beside a plain loop and Ray.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inRoot, TRAINER_PYTHON } from '../scripts/parts/paths.mjs';
import { Problem, reportProblem } from '../scripts/parts/problem.mjs';
import { lastLines } from '../scripts/parts/log-files.mjs';
import { mustRun } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { numberOptions } from './parts/options.mjs';
import { below, PeakMemory } from './parts/peak-memory.mjs';
import { pythonWith } from '../scripts/parts/python-environment.mjs';
import { median, round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';

const POLL_MS = 50;
const LONGEST_MS = 20 * 60_000;
const RAY = 'Ray Data';
const BATCH = '/api/v1/predictions/batch';

/** What rows are made of, and what is trained on them. */
const SETS = {
  numbers: { estimator: 'gradient_boosting', n_estimators: 100 },
  mixed: { estimator: 'hist_gradient_boosting', max_iter: 100 },
};

const steps = new Steps();
try {
  const options = { rows: [1_000_000], 'mixed-rows': [1_000_000], runs: [3], 'ray-rows': [1_000_000] };
  const { rows, 'mixed-rows': mixedRows, runs, 'ray-rows': rayRows } = numberOptions(options);
  const sizes = { numbers: rows, mixed: mixedRows };
  process.exitCode = await withStack(steps, (stack) => measure(stack, sizes, runs[0], rayRows[0]));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack, sizes, runs, rayRows) {
  const folder = path.join(stack.stateDir, 'objects', 'tenants', TENANT);
  mkdirSync(folder, { recursive: true });
  const ray = await steps.run('Ray, in an environment of its own', () =>
    pythonWith('ray-data', script('requirements.lock')).catch((error) => {
      steps.say(`  left out: ${error.message}`);
      return null;
    }),
  );
  const measured = [];
  for (const set of Object.keys(SETS)) {
    const model = await steps.run(`Train on ${set}`, () => trainModel(stack, folder, set));
    for (const rows of sizes[set])
      measured.push(...(await measureRows(stack, folder, model, { set, rows, runs, ray, rayRows })));
  }
  return report(measured, { sizes, runs });
}

/** All contenders in turns on the same rows. */
async function measureRows(stack, folder, model, { set, rows, runs, ray, rayRows }) {
  const source = path.join(folder, 'rows.parquet');
  await steps.run(`${rows} rows of ${set}`, () => makeRows(source, rows, set));
  const contenders = [
    ['modelplane', (out) => ours(stack, model, out)],
    ['plain loop', (out) => loop(TRAINER_PYTHON, 'plain_loop.py', model, source, `${out}.parquet`)],
    ['tuned loop', (out) => loop(TRAINER_PYTHON, 'plain_loop.py', model, source, `${out}.parquet`, 'tuned')],
    ...(ray && rows <= rayRows ? [[RAY, (out) => loop(ray, 'ray_data.py', model, source, out)]] : []),
  ];
  const outcomes = new Map(contenders.map(([name]) => [name, []]));
  for (let turn = 1; turn <= runs; turn++) {
    for (const [name, run] of contenders) {
      const out = outputOf(folder, set, rows, name);
      const outcome = await steps.run(`${name}, ${rows} rows of ${set}, run ${turn}`, () =>
        run(out).catch((error) => {
          // A peer that cannot run here is no reason to tell nothing of the others.
          if (name !== RAY) throw error;
          steps.say(`  left out: ${error.message}\n${error.detail ?? ''}`);
          return null;
        }),
      );
      if (outcome) outcomes.get(name).push(outcome);
      if (name === 'plain loop') await compare(rows, outputOf(folder, set, rows, 'modelplane'), out);
      if (name !== 'modelplane') remove(out);
    }
    remove(outputOf(folder, set, rows, 'modelplane'));
  }
  rmSync(source);
  return Array.from(outcomes)
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => ({ set, ...summary(name, rows, list) }));
}

function outputOf(folder, set, rows, name) {
  return path.join(folder, `out-${set}-${rows}-${name.replace(' ', '-')}`);
}

async function trainModel({ client, stateDir }, folder, set) {
  await mustRun(
    TRAINER_PYTHON,
    [script('rows.py'), path.join(folder, 'train.parquet'), '20000', set, 'label'],
    'The data could not be made',
  );
  const { result } = await client.train(
    {
      model_name: `bench ${set}`,
      framework: 'sklearn',
      data_config: { train_path: `s3://tenants/${TENANT}/train.parquet`, target_column: 'label' },
      hyperparameters: SETS[set],
    },
    { pollMs: 100 },
  );
  const { artifact } = await client.send(
    'GET',
    `/api/v1/models/${result.model_id}/versions/${result.version}`,
  );
  const file = path.join(stateDir, 'objects', 'modelplane', TENANT, 'artifacts', artifact.sha256);
  return { id: result.model_id, file };
}

function makeRows(source, rows, set) {
  return mustRun(
    TRAINER_PYTHON,
    [script('rows.py'), source, String(rows), set],
    'The rows could not be made',
  );
}

/** From before it is submitted until it is seen as succeeded, its manifest written. */
async function ours({ client, supervisor }, model, out) {
  const worker = supervisor.pid('worker');
  // The job's process is forked for it; the warm one that forks it, and the worker, are there before.
  const memory = new PeakMemory(worker, below(worker));
  const start = performance.now();
  try {
    const { job_id } = await client.send('POST', BATCH, {
      model_id: model.id,
      input_path: `s3://tenants/${TENANT}/rows.parquet`,
      output_path: `s3://tenants/${TENANT}/${path.basename(out)}/`,
    });
    for (;;) {
      const { status, result, error } = await client.send('GET', `${BATCH}/${job_id}`);
      if (status === 'succeeded') {
        const seconds = (performance.now() - start) / 1000;
        return { seconds, scoring_seconds: result.scoring_seconds, ...memory.stop() };
      }
      if (status !== 'submitted' && status !== 'running')
        throw new Problem(`The batch ${status}: ${error?.message ?? 'no reason was given'}`);
      await sleep(POLL_MS);
    }
  } finally {
    memory.stop();
  }
}

/** A script that tells its own time, without imports. */
async function loop(python, name, model, source, out, ...rest) {
  const child = spawn(python, [script(name), model.file, source, out, ...rest], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const memory = new PeakMemory(child.pid);
  let output = '';
  for (const stream of [child.stderr, child.stdout])
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  const tooLong = setTimeout(() => child.kill(), LONGEST_MS);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(tooLong);
  const peak = memory.stop();
  if (code !== 0) throw new Problem(`${name} ended with code ${code}`, lastLines(output));
  const told = JSON.parse(/^\{"seconds.*\}$/m.exec(output)[0]);
  return { ...peak, ...told };
}

/** Both have answered the same for every row. */
async function compare(rows, ours, theirs) {
  const printed = await mustRun(
    TRAINER_PYTHON,
    [script('same.py'), ours, `${theirs}.parquet`],
    'The outputs could not be compared',
  );
  const same = JSON.parse(printed.trim().split('\n').at(-1));
  assert.deepEqual(
    { ...same, largest_difference: same.largest_difference < 1e-6 },
    {
      rows,
      same_ids: true,
      labels_that_differ: 0,
      largest_difference: true,
    },
  );
}

function remove(out) {
  for (const file of [out, `${out}.parquet`]) rmSync(file, { recursive: true, force: true });
}

function summary(name, rows, outcomes) {
  const middle = (field) => {
    const values = outcomes.map((outcome) => outcome[field]).filter((value) => value !== undefined);
    return values.length > 0 ? median(values) : null;
  };
  const worst = (field) => Math.max(...outcomes.map((outcome) => outcome[field]));
  const seconds = middle('seconds');
  return {
    name,
    rows,
    seconds: round(seconds, 2),
    scoring_seconds: middle('scoring_seconds'),
    rows_per_second: Math.round(rows / seconds),
    peak_bytes: worst('peak_bytes'),
    together_bytes: worst('together_bytes'),
    runs: outcomes,
  };
}

function report(measured, settings) {
  const mebibytes = (bytes) => Math.round(bytes / 2 ** 20);
  const lines = measured.map((one) => {
    const { seconds } = measured.find(
      ({ name, set, rows }) => name === 'modelplane' && set === one.set && rows === one.rows,
    );
    return [
      `${one.name}, ${one.set}`,
      one.rows,
      one.seconds,
      one.scoring_seconds ?? '',
      one.rows_per_second,
      mebibytes(one.peak_bytes),
      mebibytes(one.together_bytes),
      one.name === 'modelplane' ? '' : round(one.seconds / seconds, 2),
    ];
  });
  const header = [
    '',
    'rows',
    'median s',
    'scoring s',
    'rows/s',
    'peak MiB, one process',
    'all MiB',
    'times ours',
  ];
  steps.say(`\n${table(header, lines)}\n`);
  steps.say(writeResults('batch', { settings, measured }));
  return 0;
}

function script(name) {
  return inRoot('bench', 'batch', name);
}
