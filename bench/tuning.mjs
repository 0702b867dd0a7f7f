// node bench/tuning.mjs [--parts time,trials,quality] [--trials 40] [--runs 3]: studies of hyperparameters over HTTP, beside
// plain Optuna in one process.
import assert from 'node:assert/strict';
import { existsSync, openAsBlob, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { inRoot, TRAINER_PYTHON } from '../scripts/parts/paths.mjs';
import { Problem, reportProblem } from '../scripts/parts/problem.mjs';
import { mustRun } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { namesOption, numberOptions } from './parts/options.mjs';
import { median, round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';
import { PLAIN_SCRIPT } from './parts/warm-python.mjs';

const DATA = process.env.MODELPLANE_TEST_DATA ?? inRoot('..', 'shared', 'data');
const PLAIN = inRoot('bench', 'tuning', 'plain_optuna.py');
/** One thread, as a trial has. */
const ENVIRONMENT = {
  ...process.env,
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
  PYTHONPATH: inRoot('trainer', 'src'),
};
/** The most that a study may take of the time of plain Optuna, by concurrent trials. */
const AIMS = { 1: 1.15, 2: 0.65 };
const MANY_TRIALS = 10_000;
const PAGE_AIM_MS = 100;
const PARQUET_AIM_S = 5;
const FOLDS = 5;
/** How far the ROC AUC of rows that were kept back may be below that of plain Optuna. */
const AUC_AIM = 0.002;
const ROWS_A_REQUEST = 1000;

const BOOSTING_SPACE = {
  n_estimators: { type: 'randint', min: 20, max: 100 },
  max_depth: { type: 'randint', min: 2, max: 6 },
  learning_rate: { type: 'loguniform', min: 0.01, max: 0.3 },
  subsample: { type: 'uniform', min: 0.5, max: 1 },
};
/** The same as that of `plain_optuna.py search`. */
const LIGHTGBM_SPACE = {
  n_estimators: { type: 'randint', min: 50, max: 400 },
  learning_rate: { type: 'loguniform', min: 0.01, max: 0.3 },
  num_leaves: { type: 'lograndint', min: 4, max: 128 },
  min_child_samples: { type: 'randint', min: 5, max: 100 },
  colsample_bytree: { type: 'uniform', min: 0.4, max: 1 },
};
const TABLES = {
  churn: { file: path.join(DATA, 'churn', 'telco.csv'), target: 'Churn' },
  adult: { file: path.join(DATA, 'adult', 'adult.csv'), target: 'Y' },
};
const PARTS = { time: measureTime, trials: measureTrials, quality: measureQuality };

const steps = new Steps();
try {
  const [parts, args] = namesOption('parts', Object.keys(PARTS), Object.keys(PARTS));
  const { trials, runs } = numberOptions({ trials: [40], runs: [3] }, args);
  process.exitCode = await withStack(
    steps,
    async (stack) => {
      const measured = {};
      for (const part of parts)
        measured[part] = await PARTS[part](stack, { trials: trials[0], runs: runs[0] });
      steps.say(writeResults('tuning', measured));
      return 0;
    },
    { MODELPLANE_RATE_LIMIT_PER_MINUTE: '0' },
  );
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

/** The same trials by a study and by plain Optuna, in turns. */
async function measureTime(stack, { trials, runs }) {
  const file = path.join(stack.stateDir, 'small.parquet');
  await mustRun(TRAINER_PYTHON, [PLAIN_SCRIPT, 'data', 'small', file], 'The data could not be made');
  const data_config = { train_path: await put(stack, file), target_column: 'label' };
  const request = (more) => ({
    model_name: 'boosting',
    framework: 'sklearn',
    estimator: 'gradient_boosting',
    data_config,
    training_config: { importance: 'none' },
    search_space: BOOSTING_SPACE,
    objective_metric: 'val_roc_auc',
    num_trials: trials,
    seed: 0,
    ...more,
  });
  const seconds = { plain: [], 1: [], 2: [] };
  for (let run = 0; run < runs; run += 1) {
    let parameters;
    for (const max_concurrent_trials of [1, 2]) {
      const study = await steps.run(`${trials} trials, ${max_concurrent_trials} at once`, () =>
        search(stack, request({ max_concurrent_trials })),
      );
      seconds[max_concurrent_trials].push(study.seconds);
      const found = (await allTrials(stack, study.job_id)).map((trial) => trial.parameters);
      assert.deepEqual(found, parameters ?? found, 'the trials must not depend on how many run at once');
      parameters = found;
    }
    const { seconds: plain } = await steps.run('The same trials by plain Optuna', () =>
      python(stack, ['trials', file, 'label'], parameters),
    );
    seconds.plain.push(plain);
  }
  const rows = [1, 2].map((count) => {
    const ratio = median(seconds[count].map((each, run) => each / seconds.plain[run]));
    return [`${count} at once`, round(median(seconds[count]), 2), round(ratio, 2), AIMS[count]];
  });
  rows.push(['plain Optuna', round(median(seconds.plain), 2), 1, '']);
  steps.say(`\n${table(['', 'seconds', 'of plain', 'aim'], rows)}\n`);
  return seconds;
}

/** A page of many trials, and all of them as Parquet. */
async function measureTrials(stack) {
  const file = path.join(stack.stateDir, 'small.parquet');
  if (!existsSync(file))
    await mustRun(TRAINER_PYTHON, [PLAIN_SCRIPT, 'data', 'small', file], 'The data could not be made');
  const { job_id } = await steps.run('A study of one trial', async () =>
    search(stack, {
      model_name: 'many',
      framework: 'sklearn',
      estimator: 'logistic_regression',
      data_config: { train_path: await put(stack, file), target_column: 'label' },
      search_space: { C: { type: 'loguniform', min: 0.001, max: 10 } },
      objective_metric: 'val_accuracy',
      num_trials: 1,
    }),
  );
  await steps.run(`${MANY_TRIALS} trials like it`, () => copyTrial(stack.databaseUrl, job_id));
  const pages = [];
  let cursor;
  do {
    const start = performance.now();
    const page = await stack.client.send('GET', trialsPath(job_id, cursor));
    pages.push(performance.now() - start);
    cursor = page.page.next_cursor;
  } while (cursor);
  const { seconds } = await steps.run('All as Parquet', () =>
    python(stack, ['parquet', String(MANY_TRIALS)]),
  );
  const rows = [
    ['median ms of a page of 200', round(median(pages), 1), PAGE_AIM_MS],
    ['worst ms of a page of 200', round(Math.max(...pages), 1), PAGE_AIM_MS],
    ['seconds of Parquet', round(seconds, 2), PARQUET_AIM_S],
  ];
  steps.say(`\n${table([`${MANY_TRIALS} trials`, '', 'aim'], rows)}\n`);
  return { pages, seconds };
}

/** ROC AUC of rows that neither has seen. */
async function measureQuality(stack, { trials }) {
  const measured = {};
  for (const [name, { file, target }] of Object.entries(TABLES)) {
    if (!existsSync(file)) {
      steps.say(`Skipped ${name}: ${file} is absent; MODELPLANE_TEST_DATA names another folder`);
      continue;
    }
    const [train, test] = ['train', 'test'].map((part) => path.join(stack.stateDir, `${name}-${part}.csv`));
    await python(stack, ['split', file, target, train, test]);
    const study = await steps.run(`${name}: study of ${trials} trials, ${FOLDS} folds`, async () =>
      search(stack, {
        model_name: name,
        framework: 'lightgbm',
        data_config: { train_path: await put(stack, train), target_column: target },
        search_space: LIGHTGBM_SPACE,
        objective_metric: 'val_roc_auc',
        cv_folds: FOLDS,
        num_trials: trials,
        max_concurrent_trials: 2,
        seed: 0,
        refit_on: 'train_and_validation',
      }),
    );
    const scores = await predictAll(stack, study.result.versions[0], test);
    const { auc } = await python(stack, ['auc', test, target], scores);
    const plain = await steps.run(`${name}: plain Optuna and LightGBM`, () =>
      python(stack, ['search', train, test, target, String(trials), String(FOLDS)]),
    );
    measured[name] = { ours: { auc, seconds: study.seconds, best: study.best.value }, plain };
  }
  const rows = Object.entries(measured).map(([name, { ours, plain }]) => [
    name,
    round(ours.auc, 4),
    round(plain.auc, 4),
    round(ours.auc - plain.auc, 4),
    `-${AUC_AIM}`,
    round(ours.seconds, 1),
    round(plain.seconds, 1),
  ]);
  const header = ['ROC AUC of rows kept back', 'study', 'plain Optuna', 'difference', 'aim', 's', 's plain'];
  steps.say(`\n${table(header, rows)}\n`);
  return measured;
}

async function put({ client }, file) {
  const object = `tenants/${TENANT}/${path.basename(file)}`;
  await client.send('PUT', `/api/v1/objects/${object}`, await openAsBlob(file));
  return `s3://${object}`;
}

/** Submits a study and answers it once it has succeeded, with the seconds that this took. */
async function search({ client }, request) {
  const start = performance.now();
  const { job_id } = await client.send('POST', '/api/v1/tuning', request);
  for (;;) {
    const study = await client.send('GET', `/api/v1/tuning/${job_id}`);
    if (study.status === 'succeeded') return { ...study, seconds: (performance.now() - start) / 1000 };
    if (study.ended_at) throw new Problem(`The study ended as ${study.status}`, JSON.stringify(study.error));
    await sleep(50);
  }
}

function trialsPath(id, cursor) {
  return `/api/v1/tuning/${id}/trials?limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
}

async function allTrials({ client }, id) {
  const all = [];
  let cursor;
  do {
    const { data, page } = await client.send('GET', trialsPath(id, cursor));
    all.push(...data);
    cursor = page.next_cursor;
  } while (cursor);
  return all;
}

/** Ten thousand real trials would take an hour; what is read is rows. */
async function copyTrial(url, id) {
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  try {
    await database.query(`select set_config('app.tenant_id', $1, false)`, [TENANT]);
    const { fields } = await database.query('select * from tuning_trials limit 0');
    const columns = fields.map(({ name }) => name);
    const values = columns.map((name) => (name === 'number' ? 'n' : name)).join(', ');
    await database.query(
      `insert into tuning_trials (${columns.join(', ')})
       select ${values} from tuning_trials, generate_series(1, $2::integer - 1) n where job_id = $1`,
      [id, MANY_TRIALS],
    );
    await database.query('analyze tuning_trials');
  } finally {
    await database.end();
  }
}

/** Probability of the second class of each row of a CSV file. */
async function predictAll({ client }, { model_id, version }, file) {
  const [header, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  const names = header.split(',');
  const rows = lines.map((line) => {
    const cells = line.split(',');
    assert.equal(cells.length, names.length, 'no cell of these tables has a comma');
    return Object.fromEntries(names.map((name, at) => [name, valueOf(cells[at])]));
  });
  const { signature } = await client.send('GET', `/api/v1/models/${model_id}/versions/${version}`);
  const features = new Set(signature.inputs.map(({ name }) => name));
  const scores = [];
  for (let at = 0; at < rows.length; at += ROWS_A_REQUEST) {
    const part = rows.slice(at, at + ROWS_A_REQUEST);
    const { probabilities } = await client.send('POST', '/api/v1/predictions', {
      model_id,
      version,
      features: part.map((row) =>
        Object.fromEntries(Object.entries(row).filter(([name]) => features.has(name))),
      ),
      options: { return_probabilities: true },
    });
    scores.push(...probabilities.map((row) => row[1]));
  }
  return scores;
}

function valueOf(cell) {
  if (cell === '') return null;
  return Number.isNaN(Number(cell)) ? cell : Number(cell);
}

/** What a command of plain_optuna.py answers. @param given goes to it in a file, as its last argument */
async function python(stack, args, given) {
  const file = path.join(stack.stateDir, 'given.json');
  if (given !== undefined) writeFileSync(file, JSON.stringify(given));
  const all = given === undefined ? args : [...args, file];
  const output = await mustRun(TRAINER_PYTHON, [PLAIN, ...all], `plain_optuna.py ${args[0]} failed`, {
    env: ENVIRONMENT,
  });
  return JSON.parse(output.trim().split('\n').at(-1));
}
