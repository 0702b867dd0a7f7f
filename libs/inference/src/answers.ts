import { ModelOutputError } from './errors.js';
import type { OutputTensor } from './graph-session.js';
import type { ClassificationOutput, Label, SignatureDefinition } from './signature-definition.js';

export interface Predictions {
  /** One a row: the predicted class, or the value of a regression. */
  readonly predictions: Label[];
  /** Of a classification: one array a row, in the order of the signature's labels. */
  readonly probabilities?: number[][];
  /** Of a classification: the probability of the predicted class, one a row. */
  readonly confidences?: number[];
  readonly warnings: string[];
}

export type Answers = Omit<Predictions, 'warnings'>;

/** Classes this close to the most probable one are tied with it: a thousand votes summed in float32 lose as much. */
export const TIE_WIDTH = 2e-6;
/*
 * What rounding may make of probabilities that are right: more than float32 and half precision ever do.
 * trainer/src/modelplane_trainer/batch/answers.py has these, too.
 */
const RANGE_TOLERANCE = 1e-4;
const SUM_TOLERANCE = 1e-3;
const LABEL_TOLERANCE = 1e-5;

/**
 * Reads what a graph answers.
 * @throws ModelOutputError where a number is not finite, a class is none of the signature's, or an output has another
 * number of values than rows
 */
export function readAnswers(
  outputs: Record<string, OutputTensor>,
  output: SignatureDefinition['output'],
  rows: number,
): Answers {
  if (output.type === 'classification') return readClasses(outputs, output, rows);
  const { value_tensor: name, offset = 0 } = output;
  const values = outputs[name]?.data as ArrayLike<number>;
  checkLength(name, values?.length, rows);
  return { predictions: Array.from(values, (value, row) => checkFinite(value, name, row) + offset) };
}

function readClasses(
  outputs: Record<string, OutputTensor>,
  output: ClassificationOutput,
  rows: number,
): Answers {
  const { labels, label_tensor: label, probabilities_tensor: tensor } = output;
  const probabilities = tensor === null ? undefined : readProbabilities(outputs[tensor], output, rows);
  const indexes =
    label === null ? probabilities!.map(indexOfLargest) : readIndexes(outputs[label], label, output, rows);
  const predictions = indexes.map((index) => labels[index]!);
  if (!probabilities) return { predictions };
  return {
    predictions,
    probabilities,
    confidences: indexes.map((index, row) => probabilities[row]![index]!),
  };
}

/** For each row the probabilities in the order of the labels. @throws ModelOutputError */
export function readProbabilities(
  tensor: OutputTensor | undefined,
  { labels, probabilities_tensor: name, probabilities: kind }: ClassificationOutput,
  rows: number,
): number[][] {
  const classes = labels.length;
  const flat = tensor?.data as ArrayLike<number> | undefined;
  const isOne = classes === 2 && flat?.length === rows;
  checkLength(name!, flat?.length, isOne ? rows : rows * classes);
  const probabilities = new Array<number[]>(rows);
  for (let row = 0; row < rows; row++) {
    if (isOne) {
      const value = checkFinite(flat[row]!, name!, row);
      const second = kind === 'logits' ? 1 / (1 + Math.exp(-value)) : value;
      probabilities[row] = [1 - second, second];
      continue;
    }
    const ofRow = new Array<number>(classes);
    for (let at = 0; at < classes; at++) ofRow[at] = checkFinite(flat![row * classes + at]!, name!, row);
    if (kind === 'logits') softmax(ofRow);
    probabilities[row] = ofRow;
  }
  return probabilities;
}

/** Turns logits into probabilities, in place. The largest is taken away first, so that none overflows. */
export function softmax(values: number[]): void {
  const largest = Math.max(...values);
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] = Math.exp(values[at]! - largest);
  for (let at = 0; at < values.length; at++) values[at]! /= sum;
}

/** For each row the index, among the signature's labels, of the class that the graph answers. */
function readIndexes(
  tensor: OutputTensor | undefined,
  name: string,
  { labels, label_encoding: encoding }: ClassificationOutput,
  rows: number,
): number[] {
  checkLength(name, tensor?.data.length, rows);
  const places = encoding === 'value' ? new Map(labels.map((label, index) => [String(label), index])) : null;
  const { data } = tensor!;
  const indexes = new Array<number>(rows);
  for (let row = 0; row < rows; row++) {
    const value = data[row]!;
    const index = places ? places.get(String(value)) : Number(value);
    if (index === undefined || labels[index] === undefined) {
      const allowed = places
        ? `none of its ${labels.length} labels`
        : `no index from 0 to ${labels.length - 1}`;
      throw new ModelOutputError('unknown_class', `the output '${name}' is ${shown(value)}, ${allowed}`, row);
    }
    indexes[row] = index;
  }
  return indexes;
}

/** The first of the most probable classes. */
export function indexOfLargest(values: readonly number[]): number {
  const least = Math.max(...values) - TIE_WIDTH;
  return values.findIndex((value) => value >= least);
}

/**
 * Holds classes to what their signature says of them: probabilities are such, sum to 1, and the label is the most
 * probable class, or one tied with it.
 * @throws ModelOutputError
 */
export function checkAnswers(
  { predictions, probabilities, confidences }: Answers,
  output: SignatureDefinition['output'],
): void {
  if (!probabilities || output.type !== 'classification') return;
  const name = output.probabilities_tensor;
  for (const [row, ofRow] of probabilities.entries()) {
    let sum = 0;
    let least = Infinity;
    let largest = -Infinity;
    for (const value of ofRow) {
      sum += value;
      if (value < least) least = value;
      if (value > largest) largest = value;
    }
    if (least < -RANGE_TOLERANCE || largest > 1 + RANGE_TOLERANCE) {
      throw new ModelOutputError(
        'no_probability',
        `the output '${name}' says the probabilities ${list(ofRow)}, not all of them within 0 to 1`,
        row,
      );
    }
    if (Math.abs(sum - 1) > SUM_TOLERANCE) {
      throw new ModelOutputError(
        'sum',
        `the output '${name}' says the probabilities ${list(ofRow)}, which sum to ${sum.toFixed(4)} and not to 1`,
        row,
      );
    }
    if (confidences![row]! < largest - LABEL_TOLERANCE) {
      const label = shown(predictions[row]!);
      const best = shown(output.labels[ofRow.indexOf(largest)]!);
      throw new ModelOutputError(
        'label',
        `the output '${output.label_tensor}' is ${label}, of probability ${confidences![row]!.toFixed(4)}, and '${name}' says ${largest.toFixed(4)} of ${best}`,
        row,
      );
    }
  }
}

function checkFinite(value: number, tensor: string, row: number): number {
  if (!Number.isFinite(value))
    throw new ModelOutputError('not_finite', `the output '${tensor}' is NaN or infinite`, row);
  return value;
}

function checkLength(tensor: string, actual: number | undefined, expected: number): void {
  if (actual !== expected) {
    throw new ModelOutputError(
      'length',
      `the output '${tensor}' has ${actual ?? 'no'} values instead of ${expected}`,
    );
  }
}

function shown(value: Label | bigint): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
}

function list(values: readonly number[]): string {
  return `[${values
    .slice(0, 5)
    .map((value) => value.toFixed(4))
    .join(', ')}${values.length > 5 ? ', …' : ''}]`;
}
