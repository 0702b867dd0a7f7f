// node bench/explanations.mjs: an explained prediction over HTTP beside shap on the same model.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { inRoot, TRAINER_PYTHON } from '../scripts/parts/paths.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { mustRun } from '../scripts/parts/programs.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { numberOptions } from './parts/options.mjs';
import { pythonWith } from '../scripts/parts/python-environment.mjs';
import { median, round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';

const SEED = 0;
const TARGETS = ['value', 'label'];

const steps = new Steps();
try {
  numberOptions({});
  process.exitCode = await withStack(steps, measure);
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack) {
  const folder = path.join(stack.stateDir, 'objects', 'tenants', TENANT);
  mkdirSync(folder, { recursive: true });
  const lock = inRoot('bench/explanations/requirements.lock');
  const python = await steps.run('shap, in an environment of its own', () => pythonWith('shap', lock));
  await mustRun(TRAINER_PYTHON, [inRoot('bench/explanations/make_data.py'), folder], 'No data could be made');
  const rows = JSON.parse(readFileSync(path.join(folder, 'rows.json'), 'utf8'));
  const measured = [];
  for (const target of TARGETS) {
    const model = await steps.run(`Train gradient boosting, 100 trees, ${target}`, () =>
      train(stack, target),
    );
    const ours = await steps.run('Explain over HTTP', () => explain(stack.client, model, rows));
    const peer = await steps.run('Explain by shap', () => explainByShap(python, stack, folder, target));
    compare(ours, peer, target);
    measured.push(...summary(target, ours, peer));
  }
  return report(measured, rows.length);
}

async function train({ client }, target) {
  const { result } = await client.train(
    {
      model_name: `bench ${target}`,
      framework: 'sklearn',
      data_config: {
        train_path: `s3://tenants/${TENANT}/train.parquet`,
        validation_path: `s3://tenants/${TENANT}/validation.parquet`,
        target_column: target,
        exclude_columns: TARGETS.filter((name) => name !== target),
      },
      training_config: { seed: SEED },
      hyperparameters: { estimator: 'gradient_boosting', n_estimators: 100 },
    },
    { pollMs: 100 },
  );
  return result.model_id;
}

async function explain(client, model_id, rows) {
  const ask = async (features, return_explanation) => {
    const start = performance.now();
    const options = { return_explanation, return_probabilities: true };
    const answer = await client.send('POST', '/api/v1/predictions', { model_id, features, options });
    return { ...answer, milliseconds: performance.now() - start };
  };
  // The first one reads the background.
  await ask(rows[0], true);
  const [plain, explained] = [[], []];
  for (const row of rows) {
    plain.push((await ask(row, false)).milliseconds);
    explained.push(await ask(row, true));
  }
  return {
    plainMs: median(plain),
    milliseconds: median(explained.map((each) => each.milliseconds)),
    samples: explained[0].explanation.samples,
    answers: explained,
  };
}

async function explainByShap(python, { stateDir }, folder, target) {
  const printed = await mustRun(
    python,
    [
      inRoot('bench/explanations/shap_peer.py'),
      path.join(folder, 'train.parquet'),
      target,
      String(SEED),
      newestBackground(path.join(stateDir, 'objects', 'modelplane', TENANT, 'artifacts')),
      path.join(folder, 'rows.json'),
    ],
    'shap failed',
    // As many threads as a model has in the service.
    { env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' } },
  );
  return JSON.parse(printed.trim().split('\n').at(-1));
}

/** Artifacts are named by their content alone. */
function newestBackground(folder) {
  const files = readdirSync(folder).map((name) => path.join(folder, name));
  const found = files.filter((file) => readFileSync(file).subarray(0, 30).includes('"background_version"'));
  const writtenAt = (file) => statSync(file).mtimeMs;
  return found.sort((one, other) => writtenAt(other) - writtenAt(one))[0];
}

/** Both have the same model and explain the same answers. */
function compare({ answers }, { predicted }, target) {
  for (const [at, { prediction, probabilities }] of answers.entries()) {
    const [one, other] =
      target === 'label' ? [probabilities[0], predicted[at]] : [prediction, [predicted[at]]];
    one.forEach((value, place) =>
      assert.ok(Math.abs(value - other[place]) < 1e-4 * Math.max(1, Math.abs(value)), `row ${at}`),
    );
  }
}

function summary(target, ours, peer) {
  const found = ours.answers.map(({ explanation }) => Object.values(explanation.contributions));
  const exact = target === 'value' ? peer.tree.contributions : null;
  const line = (name, milliseconds, samples, contributions) => ({
    target,
    name,
    milliseconds: round(milliseconds, 2),
    samples,
    correlation: exact && round(meanCorrelation(contributions, exact), 4),
    timesOurs: round(milliseconds / ours.milliseconds, 2),
  });
  return [
    line('modelplane, over HTTP', ours.milliseconds, ours.samples, found),
    line(
      'shap PermutationExplainer',
      peer.permutation.seconds * 1000,
      peer.permutation.samples,
      peer.permutation.contributions,
    ),
    line('shap TreeExplainer', peer.tree.seconds * 1000, null, peer.tree.contributions),
    { target, name: 'modelplane, prediction alone', milliseconds: round(ours.plainMs, 2) },
  ];
}

function meanCorrelation(found, exact) {
  const all = found.map((values, at) => correlation(values, exact[at]));
  return all.reduce((sum, value) => sum + value, 0) / all.length;
}

/** Pearson's. */
function correlation(left, right) {
  const [a, b] = [left, right].map((values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.map((value) => value - mean);
  });
  const product = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}

function report(measured, rows) {
  const header = [
    '20 numbers, gradient boosting, 100 trees',
    'ms/row, median',
    'model rows',
    'correlation',
    'times ours',
  ];
  for (const target of TARGETS) {
    const lines = measured
      .filter((each) => each.target === target)
      .map(({ name, milliseconds, samples, correlation: agreed, timesOurs }) => [
        name,
        milliseconds,
        samples ?? '',
        agreed ?? '',
        timesOurs ?? '',
      ]);
    const what = target === 'value' ? 'a value' : 'a probability';
    steps.say(`\nOf ${what}, ${rows} rows\n${table(header, lines)}\n`);
  }
  steps.say(writeResults('explanations', { rows, measured }));
  return 0;
}
