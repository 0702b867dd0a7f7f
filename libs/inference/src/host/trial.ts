import { FeatureErrors } from '../feature-errors.js';
import { GraphRefused, ModelOutputError, ModelRunError } from '../errors.js';
import type { OnnxModel, Predictions } from '../onnx-model.js';
import type { SignatureInput } from '../signature-definition.js';

type Row = Record<string, unknown>;

/** How far probabilities may be from a sum of 1: more than rounding to float32 ever makes. */
const SUM_TOLERANCE = 1e-3;

/**
 * Runs a model on made-up rows, one alone and several together, and on the example where there is one. Its answers have
 * to be finite and of the size that the signature says, and probabilities have to be positive and sum to 1.
 * @throws GraphRefused where they are not; ModelUnavailable where the process ended
 */
export async function tryModel(model: OnnxModel, example?: Row): Promise<void> {
  const { inputs } = model.signature.definition;
  const first = example ?? makeUp(inputs, 1);
  await attempt(model, [first], example ? 'the example' : 'one row of ones');
  await attempt(model, [first, makeUp(inputs, 2), first], 'three rows');
}

async function attempt(model: OnnxModel, rows: Row[], what: string): Promise<void> {
  let answer: Predictions;
  try {
    answer = await model.predict(rows);
  } catch (error) {
    if (error instanceof FeatureErrors) throw new GraphRefused(`the example does not fit: ${error.message}`);
    if (error instanceof ModelOutputError || error instanceof ModelRunError) {
      throw new GraphRefused(`the model does not answer ${what}: ${error.message}`, { cause: error });
    }
    throw error;
  }
  for (const ofRow of answer.probabilities ?? []) {
    const sum = ofRow.reduce((total, value) => total + value, 0);
    if (ofRow.some((value) => value < -SUM_TOLERANCE) || Math.abs(sum - 1) > SUM_TOLERANCE) {
      throw new GraphRefused(
        `the model answers ${what} with [${ofRow.slice(0, 5).join(', ')}${ofRow.length > 5 ? ', …' : ''}], which are no probabilities: they must be positive and sum to 1; end the graph with Softmax or Sigmoid`,
      );
    }
  }
}

function makeUp(inputs: readonly SignatureInput[], value: 1 | 2): Row {
  const row = Object.create(null) as Row;
  for (const { name, type, categories } of inputs) {
    row[name] = type === 'string' ? (categories?.[0] ?? '') : type === 'boolean' ? value === 1 : value;
  }
  return row;
}
