// node bench/batching.mjs [--seconds 5] [--callers 1,8,50]: rows that wait for the thread, run together and one by one.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { compileSignature, GraphThread, OnnxModel } from '#libs/inference';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { trainOnBreastCancer } from './parts/breast-cancer.mjs';
import { numberOptions } from './parts/options.mjs';
import { percentile, round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';

const MODELS = [
  { name: 'forest of 1,000 trees', hyperparameters: { estimator: 'random_forest', n_estimators: 1000 } },
  { name: 'boosting of 100 trees', hyperparameters: { estimator: 'gradient_boosting' } },
];

const WAYS = {
  'main thread': async (_, bytes, signature) => ({
    model: await OnnxModel.load(Buffer.from(bytes), signature, { sha256: digestOf(bytes) }),
  }),
  'thread, one by one': (thread, bytes, signature) => onThread(thread, bytes, signature, false),
  'thread, together': (thread, bytes, signature) => onThread(thread, bytes, signature, true),
};

const steps = new Steps();
try {
  const { seconds, callers } = numberOptions({ seconds: [5], callers: [1, 8, 50] });
  process.exitCode = await withStack(steps, (stack) => measure(stack, seconds[0], callers));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack, seconds, callers) {
  const trained = [];
  for (const { name, hyperparameters } of MODELS) {
    const model = await steps.run(`Train a ${name}`, () =>
      trainOnBreastCancer(stack, hyperparameters.estimator, hyperparameters),
    );
    trained.push({ name, rows: model.rows, ...(await coreOf(stack, model)) });
  }
  for (const service of ['worker', 'api']) await stack.supervisor.stop(service);
  const measured = [];
  const thread = new GraphThread();
  for (const { name, rows, bytes, signature } of trained) {
    for (const [way, open] of Object.entries(WAYS)) {
      const { model, cost } = await open(thread, bytes, compileSignature(signature, 'core'));
      for (const count of callers) {
        const title = `${name}, ${way}, ${count} callers`;
        const outcome = await steps.run(title, () => callAll(model, rows, count, seconds));
        measured.push({ model: name, way, callers: count, ...outcome, ...cost });
      }
      await model.release();
    }
  }
  await thread.close();
  return report(measured, { seconds, callers });
}

async function coreOf({ client, stateDir, databaseUrl }, { model_id, version }) {
  const owner = new pg.Client({ connectionString: databaseUrl });
  await owner.connect();
  const { rows } = await owner.query(
    `select f.sha256 from version_files f join model_versions v on v.id = f.version_id
     where v.model_id = $1 and f.name = 'core'`,
    [model_id],
  );
  await owner.end();
  const { signature } = await client.send('GET', `/api/v1/models/${model_id}/versions/${version}`);
  const folder = path.join(stateDir, 'objects', 'modelplane', TENANT, 'artifacts');
  return { signature, bytes: readFileSync(path.join(folder, rows[0].sha256)) };
}

/** A graph that cannot be measured, as here with no input, is never asked for several requests at once. */
async function onThread(thread, bytes, signature, isMeasured) {
  const { core, output } = signature.definition;
  const tensors = [{ name: core.tensor, dtype: 'float32', rank: 2, width: core.columns.length, feature: '' }];
  const fetches = [output.label_tensor, output.probabilities_tensor].filter((tensor) => tensor !== null);
  const { session, loaded } = await thread.load(Buffer.from(bytes), {
    sha256: digestOf(bytes),
    probe: { tensors: isMeasured ? tensors : [], fetches },
    read: async () => Buffer.from(bytes),
  });
  const cost = isMeasured && {
    build_ms: round(loaded.buildMs, 1),
    first_ms: round(loaded.cost.firstMs, 4),
    per_row_ms: round(loaded.cost.perRowMs, 4),
  };
  return { model: new OnnxModel(session, signature, bytes.length), cost };
}

/** Each caller asks for one row and waits for the answer before it asks again. */
async function callAll(model, rows, count, seconds) {
  const waits = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  const call = async (caller) => {
    for (let at = caller; performance.now() < end; at++) {
      const asked = performance.now();
      const row = [rows[at % rows.length]];
      if (model.isQuick(1)) {
        model.predictNow(row);
        // As a server, which takes the next request on a later turn.
        await new Promise(setImmediate);
      } else await model.predict(row);
      waits.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: count }, (_, caller) => call(caller)));
  return {
    rows_per_second: round((waits.length / (performance.now() - start)) * 1000, 0),
    p50_ms: round(percentile(waits, 50), 3),
    p99_ms: round(percentile(waits, 99), 3),
  };
}

function digestOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function report(measured, settings) {
  const header = ['model', 'way', 'callers', 'rows/s', 'p50 ms', 'p99 ms'];
  const lines = measured.map(({ model, way, callers, rows_per_second, p50_ms, p99_ms }) => [
    ...[model, way, callers, rows_per_second, p50_ms, p99_ms],
  ]);
  steps.say(`\n${table(header, lines)}\n`);
  for (const { name } of MODELS) {
    const { build_ms, first_ms, per_row_ms } = measured.find((each) => each.model === name && each.build_ms);
    steps.say(
      `${name}: built in ${build_ms} ms; the first row ${first_ms} ms, each further ${per_row_ms} ms`,
    );
  }
  steps.say(writeResults('batching', { settings, measured }));
  return 0;
}
