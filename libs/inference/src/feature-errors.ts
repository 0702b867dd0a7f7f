import { closestName, type ComparisonBudget } from './closest-name.js';
import { InferenceError } from './errors.js';
import { type Row, valueReader } from './feature-value.js';
import type { SignatureInput } from './signature-definition.js';
import { toMilliseconds } from './timestamp.js';

export const MAX_TEXT_BYTES = 64 * 1024;
const MAX_REPORTED = 100;
/** Names are compared for about a millisecond; what is unknown beyond that is told without a suggestion. */
const MAX_COMPARISONS = 300_000;
/** Values that are looked at once the first MAX_REPORTED faults are known; those beyond are not counted. */
const MAX_COUNTED_VALUES = 100_000;
const MAX_SHOWN_LENGTH = 80;

/** One reason why rows cannot be scored. */
export interface FeatureProblem {
  /** Index into the rows; null in the last entry when it only says how many more there are. */
  readonly row: number | null;
  readonly feature: string | null;
  readonly message: string;
  /** JSON pointer relative to the row: `/total_orders`, or empty for the row itself. */
  readonly pointer: string;
}

/** Everything that is wrong with the rows, row by row; at most 100 entries and one that counts the rest, or says that there are more. */
export class FeatureErrors extends InferenceError {
  readonly code = 'FEATURES_INVALID';

  constructor(readonly errors: readonly FeatureProblem[]) {
    super(errors.map(({ row, message }) => (row === null ? message : `row ${row}: ${message}`)).join('; '));
  }
}

/**
 * Names every fault of rows that could not be encoded. Only run once encoding has failed, so that the hot path
 * carries none of this.
 */
export function diagnose(
  rows: readonly unknown[],
  inputs: readonly SignatureInput[],
  ignored: ReadonlySet<string>,
): FeatureErrors {
  const names = new Set(inputs.map(({ name }) => name));
  const readers = inputs.map(valueReader);
  const suggestions = new Map<string, string | null>();
  const problems: FeatureProblem[] = [];
  const budget: ComparisonBudget = { left: MAX_COMPARISONS };
  let more = 0;
  let counted = 0;

  const report = (row: number, feature: string | null, describe: () => string) => {
    if (problems.length === MAX_REPORTED) more++;
    else {
      const pointer = feature === null ? '' : `/${feature.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      problems.push({ row, feature, message: describe(), pointer });
    }
  };

  const describeUnknown = (name: string, row: object): string => {
    if (!suggestions.has(name) && budget.left > 0) {
      const absent = inputs.flatMap((input) => (Object.hasOwn(row, input.name) ? [] : [input.name]));
      budget.left -= inputs.length;
      suggestions.set(name, closestName(name, absent, budget) ?? closestName(name, names, budget));
    }
    const meant = suggestions.get(name);
    return `unknown feature '${shorten(name)}'${meant ? `; did you mean '${meant}'?` : ''}`;
  };

  const isEnough = () => problems.length === MAX_REPORTED && counted > MAX_COUNTED_VALUES;
  rows.forEach((row, index) => {
    if (isEnough()) return;
    counted += inputs.length;
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      report(index, null, () => `must be an object of features, got ${show(row)}`);
      return;
    }
    for (const [at, input] of inputs.entries()) {
      const { name, reading } = input;
      if (!Object.hasOwn(row, name) && !reading?.may_be_absent) {
        report(index, name, () => `the feature '${shorten(name)}' is missing`);
      } else {
        const value = readers[at]!(row as Row);
        const expected = explainMisfit(value, input);
        if (expected) report(index, name, () => `'${shorten(name)}' must be ${expected}, got ${show(value)}`);
      }
    }
    for (const name of Object.keys(row)) {
      if (!names.has(name) && !ignored.has(name)) report(index, name, () => describeUnknown(name, row));
    }
  });
  const atLeast = isEnough() ? 'at least ' : '';
  if (more > 0)
    problems.push({ row: null, feature: null, message: `and ${atLeast}${more} more errors`, pointer: '' });
  return new FeatureErrors(problems);
}

/** What the value would have to be, or null when it is fit. States the rules that the encoders apply. */
function explainMisfit(
  value: unknown,
  { type, nullable, dtype, reading, offset = 0 }: SignatureInput,
): string | null {
  if (value === null) return nullable ? null : `${NOUNS[type]}, and the model does not take null`;
  if (typeof value === 'boolean' && reading?.from === 'boolean') return null;
  switch (type) {
    case 'string':
      if (typeof value !== 'string') {
        const takes = reading?.from === 'number' || reading?.from === 'boolean';
        return takes && (typeof value === 'number' || typeof value === 'boolean') ? null : 'a text';
      }
      return Buffer.byteLength(value) <= MAX_TEXT_BYTES ? null : `a text of at most ${MAX_TEXT_BYTES} bytes`;
    case 'boolean':
      return typeof value === 'boolean' || value === 0 || value === 1 ? null : 'true or false';
    case 'integer':
      if (!Number.isSafeInteger(value)) return 'an integer';
      return dtype === 'int32' && (value as number) !== ((value as number) | 0)
        ? 'an integer of 32 bits'
        : null;
    case 'number':
      if (typeof value !== 'number') return 'a number';
      return Number.isFinite(dtype === 'float64' ? value : Math.fround(value - offset))
        ? null
        : `a finite number in the range of ${dtype}`;
    case 'timestamp':
      if (toMilliseconds(value) !== null) return null;
      return `${NOUNS.timestamp} such as 2026-02-12T10:00:00Z or whole milliseconds since 1970, in the years 1 to 9999`;
  }
}

const NOUNS = {
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  string: 'a text',
  timestamp: 'a date or time',
} as const;

function show(value: unknown): string {
  if (typeof value === 'string') return `the text ${quoteShort(value)}`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** JSON text of at most 80 characters of the value. */
export function quoteShort(text: string): string {
  return JSON.stringify(shorten(text));
}

function shorten(text: string): string {
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}
