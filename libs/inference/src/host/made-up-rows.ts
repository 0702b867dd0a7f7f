import type { Row } from '../feature-value.js';
import type { Random } from '../explanations/random.js';
import type { SignatureInput } from '../signature-definition.js';

/** What is tried in the column of a feature; the first two of a number are usual values. */
export interface ColumnValues {
  readonly name: string;
  readonly values: readonly unknown[];
  /** Whether it takes integers alone. */
  readonly isWhole: boolean;
}

const INTEGERS = [1, 2, 0, -1, 3, 5, 10, 100, -100, 1000, 1e6, -1e6, 2 ** 31 - 1];
const NUMBERS = [...INTEGERS, 0.5, -0.5, 0.001, 1e9, -1e9];
/** A text that no model knows. */
const UNSEEN = 'a value that nobody has seen';
const MOST_TEXTS = 50;
const MOST_ROWS = 300;
/** The most values of all rows together, which bounds what a wide model costs. */
const MOST_VALUES = 1_000_000;

/** Usual values, zero, negative, large, known and unknown ones, and null where it is taken. */
export function columnValues(inputs: readonly SignatureInput[], example: Row | undefined): ColumnValues[] {
  return inputs.map(({ name, type, nullable, categories }) => {
    const values: unknown[] =
      type === 'boolean'
        ? [true, false]
        : type === 'string'
          ? [...(categories ?? []).slice(0, MOST_TEXTS), '', UNSEEN]
          : [...(type === 'integer' ? INTEGERS : NUMBERS)];
    if (nullable) values.push(null);
    if (example && Object.hasOwn(example, name)) values.push(example[name]);
    return { name, values, isWhole: type === 'integer' };
  });
}

/** A row of usual values: ones or twos, true or false, and of a text the first one that is known. */
export function usualRow(columns: readonly ColumnValues[], place: 0 | 1): Row {
  return rowOf(columns, ({ values }) => values[typeof values[0] === 'string' ? 0 : place]);
}

/**
 * Rows in which all features have the value at one place of their lists, then rows in which one feature of `first` has
 * another value, then mixtures: of usual values, and of any.
 */
export function* madeUpRows(columns: readonly ColumnValues[], first: Row, random: Random): Generator<Row> {
  const count = Math.min(MOST_ROWS, Math.floor(MOST_VALUES / columns.length));
  const longest = Math.max(...columns.map(({ values }) => values.length));
  let made = 0;
  for (let place = 0; place < longest && made < count / 3; place++, made++) {
    yield rowOf(columns, ({ values }) => values[place % values.length]);
  }
  // Where there are more values than rows, those that are tried are spread over all features.
  const total = columns.reduce((sum, { values }) => sum + values.length, 0);
  const step = Math.max(1, total / (count / 3));
  let at = 0;
  let before = 0;
  for (const { name, values } of columns) {
    for (; at < before + values.length; at += step, made++) {
      const value = values[Math.floor(at) - before];
      yield rowOf(columns, (column) => (column.name === name ? value : first[column.name]));
    }
    before += values.length;
  }
  for (; made < count; made++) {
    // Where a value is extreme, most models are sure of one class, and say little else.
    const isUsual = made % 2 === 0;
    yield rowOf(columns, (column) => pick(column, isUsual, random));
  }
}

/** A usual number is normally or exponentially spread, as scaled and as counted features are. */
function pick({ values, isWhole }: ColumnValues, isUsual: boolean, random: Random): unknown {
  const value = values[Math.floor(random() * values.length)];
  if (!isUsual || typeof value !== 'number') return value;
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const usual = random() < 0.5 ? normal : -30 * Math.log(1 - random());
  return isWhole ? Math.round(usual) : usual;
}

function rowOf(columns: readonly ColumnValues[], valueOf: (column: ColumnValues) => unknown): Row {
  // A feature may be called "__proto__".
  const row = Object.create(null) as Row;
  for (const column of columns) row[column.name] = valueOf(column);
  return row;
}
