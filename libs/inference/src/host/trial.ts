import { createHash } from 'node:crypto';
import type { Row } from '../feature-value.js';
import { FeatureErrors } from '../feature-errors.js';
import { GraphRefused, ModelOutputError, ModelRunError, type OutputFault } from '../errors.js';
import { randomFrom } from '../explanations/random.js';
import type { OnnxModel } from '../onnx-model.js';
import type { ClassificationOutput } from '../signature-definition.js';
import { usualRow, columnValues, madeUpRows } from './made-up-rows.js';

/** Rows of one run. They begin as one and double, so that a slow model shows itself before it takes too long. */
const MOST_ROWS_OF_A_RUN = 64;
/** The most values of one run, as this thread, which makes tensors of them, answers others, too. */
const MOST_VALUES_OF_A_RUN = 20_000;
/** Features of a row that a refusal shows. */
const SHOWN_FEATURES = 8;

/**
 * Runs a model on a row alone, on three, and then on a few hundred made-up and boundary rows, as far as it gets in the
 * time. The first ones it has to answer; of the others it may fail on some, as it then does for callers. What it
 * answers must be what the signature says of it.
 * @param example tried in place of a row of ones
 * @param budgetMs for the made-up rows
 * @throws GraphRefused where it does not; ModelUnavailable where the process ended
 */
export async function tryModel(model: OnnxModel, example: Row | undefined, budgetMs: number): Promise<void> {
  const { inputs, output } = model.signature.definition;
  const columns = columnValues(inputs, example);
  const first = example ?? usualRow(columns, 0);
  await expectAnswers(model, [first], example ? 'the example' : 'one row of ones');
  await expectAnswers(model, [first, usualRow(columns, 1), first], 'three rows');

  const until = performance.now() + budgetMs;
  const random = randomFrom(createHash('sha256').update(JSON.stringify(inputs)).digest());
  const answered: Row[] = [];
  const rows = madeUpRows(columns, first, random);
  const most = Math.min(MOST_ROWS_OF_A_RUN, Math.ceil(MOST_VALUES_OF_A_RUN / inputs.length));
  for (let size = 1; ; size = Math.min(2 * size, most)) {
    const some = take(rows, size);
    if (some.length === 0 || performance.now() > until) break;
    await tryRows(model, some, until, answered);
  }
  if (output.type === 'classification' && output.probabilities === 'logits') {
    await refuseProbabilities(model, output, [first, ...answered.slice(0, most)]);
  }
}

/** Asks for answers that the model has to give. */
async function expectAnswers(model: OnnxModel, rows: readonly Row[], what: string): Promise<void> {
  try {
    await model.predict(rows);
  } catch (error) {
    if (error instanceof FeatureErrors) throw new GraphRefused(`the example does not fit: ${error.message}`);
    if (error instanceof ModelOutputError) throw refusal(error, `asked for ${what}`);
    if (error instanceof ModelRunError) {
      throw new GraphRefused(`the model does not answer ${what}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** Asks for answers; where rows together fail, by halves for each alone. Those that have none are passed over. */
async function tryRows(
  model: OnnxModel,
  rows: readonly Row[],
  until: number,
  answered: Row[],
): Promise<void> {
  try {
    await model.predict(rows);
    answered.push(...rows);
    return;
  } catch (error) {
    if (error instanceof ModelOutputError && error.fault !== 'not_finite')
      throw refusal(error, `asked for ${show(rows[error.row ?? 0]!)}`);
    if (!(error instanceof ModelRunError || error instanceof ModelOutputError)) throw error;
  }
  if (rows.length === 1 || performance.now() > until) return;
  const half = rows.length >> 1;
  await tryRows(model, rows.slice(0, half), until, answered);
  await tryRows(model, rows.slice(half), until, answered);
}

/** Numbers that are always positive and sum to 1 are no logits; as such they would be made into others. */
async function refuseProbabilities(
  model: OnnxModel,
  { probabilities_tensor: name, labels }: ClassificationOutput,
  rows: readonly Row[],
): Promise<void> {
  const outputs = await model.run(model.signature.encode(rows).feeds, rows.length);
  const flat = Array.from(outputs[name!]!.data as ArrayLike<number>);
  // One column of logits may lie between 0 and 1 by chance.
  if (flat.length !== rows.length * labels.length) return;
  const areProbabilities = rows.every((_, row) => {
    const ofRow = flat.slice(row * labels.length, (row + 1) * labels.length);
    const sum = ofRow.reduce((total, value) => total + value, 0);
    return ofRow.every((value) => value >= 0) && Math.abs(sum - 1) < 1e-3;
  });
  if (areProbabilities) {
    throw new GraphRefused(
      `the output '${name}' sums to 1 in each of ${rows.length} rows, so that it holds probabilities and no logits: leave out "probabilities" of the signature`,
    );
  }
}

const ADVICE: Readonly<Record<OutputFault, string>> = {
  not_finite: 'make the graph answer it, or give an example that it can answer in the signature',
  no_probability:
    'end the graph with Softmax or Sigmoid, or say "probabilities": "logits" in the signature where it holds logits',
  sum: 'end the graph with Softmax, or say "probabilities": "logits" in the signature where it holds logits',
  label:
    'name the labels in the order of the probabilities and say with "label_encoding" whether the label is one of them ("value") or its place from 0 ("index"); where the model decides in another way, "label_tensor": null has the most probable class answered, and "probabilities_tensor": null the label alone',
  unknown_class:
    'name all labels, in the order of the probabilities, and say with "label_encoding" whether the output is one of them ("value") or its place from 0 ("index"); a graph that counts from 1 needs "label_tensor": null, or a node that subtracts 1',
  length: 'export the graph with a dynamic first dimension, and one value, or one a class, for each row',
};

function refusal(error: ModelOutputError, asked: string): GraphRefused {
  return new GraphRefused(`${asked}, ${error.deed}: ${ADVICE[error.fault]}`, {
    cause: error,
  });
}

function show(row: Row): string {
  const entries = Object.entries(row);
  const shown = entries
    .slice(0, SHOWN_FEATURES)
    .map(([name, value]) => `${JSON.stringify(name.slice(0, 80))}: ${JSON.stringify(value)?.slice(0, 80)}`);
  return `{${shown.join(', ')}${entries.length > SHOWN_FEATURES ? ', …' : ''}}`;
}

function take<T>(items: Iterator<T>, count: number): T[] {
  const taken: T[] = [];
  while (taken.length < count) {
    const { done, value } = items.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}
