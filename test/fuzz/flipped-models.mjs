// node test/fuzz/flipped-models.mjs FOLDER: tries the files that standard input names, and says a line of JSON for each.
import { readdirSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import {
  completeSignature,
  compileSignature,
  GraphRefused,
  OnnxModel,
  scanGraph,
  SignatureIncomplete,
} from '../../dist/libs/inference/src/index.js';
import { LocalGraph } from '../../dist/libs/inference/src/local-graph.js';
import { checkTensors } from '../../dist/libs/inference/src/open-graph.js';
import { tryModel } from '../../dist/libs/inference/src/host/trial.js';

const FEATURES = ['a', 'b', 'c', 'd'];
const TRIAL_MS = 30;

/** The exports of libs/inference/test/gate-files.py, with the signature of each and what the library answers. */
export function readModels(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.onnx'))
    .map((file) => {
      const name = file.slice(0, -'.onnx'.length);
      const reference = JSON.parse(readFileSync(path.join(folder, `${name}.json`)));
      const { classes } = reference;
      const features = FEATURES.map((each) => ({ name: each }));
      // SVC decides in another way than by probability.
      const description = { features, ...(classes && { labels: classes, label_tensor: null }) };
      const type = classes ? 'classification' : 'regression';
      return { name, reference, type, description, bytes: readFileSync(path.join(folder, file)) };
    });
}

export function isRefusal(error) {
  return error instanceof GraphRefused || error instanceof SignatureIncomplete;
}

/** What becomes of a file; the same numbers as before, others that are valid, or none for some rows. */
async function outcomeOf(bytes, { type, description, reference }) {
  let answers;
  let graph;
  try {
    const definition = completeSignature(scanGraph(bytes), type, description);
    graph = load(bytes);
    checkTensors(graph, definition, 'whole');
    const session = {
      run: async (feeds, names) => graph.runNow(feeds, names),
      release: async () => undefined,
    };
    const model = new OnnxModel(session, compileSignature(definition), bytes.length, undefined, true);
    await tryModel(model, undefined, TRIAL_MS);
    const rows = reference.rows.map((row) => Object.fromEntries(FEATURES.map((name, at) => [name, row[at]])));
    answers = await model.predict(rows);
  } catch (error) {
    if (isRefusal(error) || error.code === 'SIGNATURE_MISMATCH') return 'refused by the trial';
    if (error.code === 'MODEL_OUTPUT_INVALID' || error.code === 'MODEL_RUN_FAILED')
      return 'accepted, some rows refused';
    throw error;
  } finally {
    await graph?.release();
  }
  const numbers = reference.probabilities ? answers.probabilities.flat() : answers.predictions;
  const expected = reference.probabilities ? reference.probabilities.flat() : reference.predictions;
  if (!numbers.every(Number.isFinite)) throw new Error(`answers that are no numbers: ${numbers}`);
  const isEqual = numbers.every(
    (value, at) => Math.abs(value - expected[at]) <= 1e-4 * (1 + Math.abs(expected[at])),
  );
  return isEqual ? 'accepted, answers as before' : 'accepted, other valid answers';
}

function load(bytes) {
  try {
    return new LocalGraph(bytes);
  } catch (cause) {
    throw new GraphRefused('the runtime cannot load the graph', { cause });
  }
}

if (process.argv[1] === import.meta.filename) {
  const folder = process.argv[2];
  const models = new Map(readModels(path.join(folder, 'real')).map((model) => [model.name, model]));
  for (const name of readFileSync(0, 'utf8').split('\n')) {
    const bytes = readFileSync(path.join(folder, `${name}.flipped`));
    const result = await outcomeOf(bytes, models.get(name.slice(name.indexOf('-') + 1))).then(
      (outcome) => ({ name, outcome }),
      (error) => ({ name, fault: error.stack }),
    );
    writeSync(1, `${JSON.stringify(result)}\n`);
  }
}
