import { exp, ln, log10, power } from './elementary.js';
import { finite, parseFloat64, round, roundTo } from './floats.js';
import {
  addIntegers,
  divideIntegers,
  type Integer,
  integerOfFloat,
  multiplyIntegers,
  parseInteger,
  readInteger,
  remainderOfIntegers,
  subtractIntegers,
} from './integers.js';
import {
  boundedText,
  changeCase,
  compareTexts,
  left,
  lengthOf,
  replace,
  right,
  substring,
  trim,
} from './text.js';
import { floorDivide, formatTimestamp, MICROSECONDS, parseTimestamp, PARTS } from './timestamps.js';
import { type ExpressionTree, type ScalarType, type ScalarValue, typeOf } from './tree.js';

/** Values of columns by name, as JSON has them; one that is absent or of another type is null. */
export type ExpressionRow = Readonly<Record<string, unknown>>;

/** A value while it is evaluated: int64 and timestamps (microseconds) as `Integer`. */
type Value = number | bigint | string | boolean | null;
type Evaluator = (row: ExpressionRow) => Value;

/** The function of a row that a tree stands for. It throws for no row; what cannot be computed is null. */
export function compile(tree: ExpressionTree): (row: ExpressionRow) => ScalarValue {
  const evaluate = build(tree);
  const type = typeOf(tree);
  if (type === 'int64')
    return (row) => {
      const value = evaluate(row);
      return typeof value === 'bigint' ? String(value) : value;
    };
  if (type === 'timestamp')
    return (row) => {
      const value = evaluate(row);
      return value === null ? null : formatTimestamp(value as Integer);
    };
  return evaluate as (row: ExpressionRow) => ScalarValue;
}

function build(tree: ExpressionTree): Evaluator {
  switch (tree.op) {
    case 'literal': {
      const value = READERS[tree.type](tree.value);
      return () => value;
    }
    case 'column': {
      const { name } = tree;
      const read = READERS[tree.type];
      return (row) => read(row[name]);
    }
    case 'cast': {
      const from = typeOf(tree.value);
      if (from === tree.to) return build(tree.value);
      const cast = CASTS[`${from} ${tree.to}`];
      if (!cast) throw new Error(`no cast of ${from} to ${tree.to}`);
      return strict(cast, [build(tree.value)]);
    }
    case 'case':
      return buildCase(
        tree.when.map(([condition, then]) => [build(condition), build(then)] as const),
        build(tree.else),
      );
    case 'call': {
      const args = tree.args.map(build);
      const lazy = LAZY_CALLS[tree.name];
      if (lazy) return lazy(args, tree.args.map(typeOf));
      const call = STRICT_CALLS[`${tree.name} ${typeOf(tree.args[0]!)}`] ?? STRICT_CALLS[tree.name];
      if (!call) throw new Error(`no function ${tree.name}`);
      return strict(call, args);
    }
  }
}

const READERS: Record<ScalarType, (value: unknown) => Value> = {
  int64: readInteger,
  float64: (value) => (typeof value === 'number' ? finite(value) : null),
  boolean: (value) => (typeof value === 'boolean' ? value : null),
  string: (value) => (typeof value === 'string' ? value : null),
  timestamp: (value) => (typeof value === 'string' ? parseTimestamp(value) : null),
};

/** What is null where one of its arguments is. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the types of arguments were checked by the parser
type Strict = (...values: any[]) => Value;

function strict(call: Strict, args: Evaluator[]): Evaluator {
  const [first, second] = args as [Evaluator, Evaluator];
  if (args.length === 1)
    return (row) => {
      const value = first(row);
      return value === null ? null : call(value);
    };
  if (args.length === 2)
    return (row) => {
      const left = first(row);
      if (left === null) return null;
      const right = second(row);
      return right === null ? null : call(left, right);
    };
  return (row) => {
    const values: Value[] = [];
    for (const evaluate of args) {
      const value = evaluate(row);
      if (value === null) return null;
      values.push(value);
    }
    return call(...values);
  };
}

function buildCase(when: (readonly [Evaluator, Evaluator])[], otherwise: Evaluator): Evaluator {
  return (row) => {
    for (const [condition, then] of when) if (condition(row) === true) return then(row);
    return otherwise(row);
  };
}

/** What has an answer although an argument is null. */
const LAZY_CALLS: Record<string, (args: Evaluator[], types: ScalarType[]) => Evaluator> = {
  and: (args) => connect(args, false),
  or: (args) => connect(args, true),
  is_null:
    ([first]) =>
    (row) =>
      first!(row) === null,
  in:
    ([first, ...items]) =>
    (row) => {
      const value = first!(row);
      if (value === null) return null;
      let hasNull = false;
      for (const item of items) {
        const other = item(row);
        if (other === value) return true;
        hasNull ||= other === null;
      }
      return hasNull ? null : false;
    },
  coalesce: (args) => (row) => {
    for (const evaluate of args) {
      const value = evaluate(row);
      if (value !== null) return value;
    }
    return null;
  },
  nullif:
    ([first, second]) =>
    (row) => {
      const value = first!(row);
      return value === second!(row) ? null : value;
    },
  greatest: (args, types) => most(args, (value, than) => compareValues(value, than, types[0]!) > 0),
  least: (args, types) => most(args, (value, than) => compareValues(value, than, types[0]!) < 0),
  concat: (args) => (row) => {
    let text = '';
    for (const evaluate of args) text += (evaluate(row) as string | null) ?? '';
    return boundedText(text);
  },
};

/** And (decided by false) and or (decided by true) of three truth values. */
function connect(args: Evaluator[], decides: boolean): Evaluator {
  return (row) => {
    let hasNull = false;
    for (const evaluate of args) {
      const value = evaluate(row);
      if (value === decides) return decides;
      hasNull ||= value === null;
    }
    return hasNull ? null : !decides;
  };
}

type Present = Exclude<Value, null>;

function most(args: Evaluator[], isBetter: (value: Present, than: Present) => boolean): Evaluator {
  return (row) => {
    let best: Value = null;
    for (const evaluate of args) {
      const value = evaluate(row);
      if (value !== null && (best === null || isBetter(value, best))) best = value;
    }
    return best;
  };
}

function compareValues(left: Present, right: Present, type: ScalarType): number {
  if (type === 'string') return compareTexts(left as string, right as string);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** By name, or by name and type of the first argument. */
const STRICT_CALLS: Record<string, Strict> = {
  not: (value: boolean) => !value,
  eq: (left: Present, right: Present) => left === right,
  ne: (left: Present, right: Present) => left !== right,
  lt: (left: Present, right: Present) => left < right,
  le: (left: Present, right: Present) => left <= right,
  gt: (left: Present, right: Present) => left > right,
  ge: (left: Present, right: Present) => left >= right,
  'lt string': (left: string, right: string) => compareTexts(left, right) < 0,
  'le string': (left: string, right: string) => compareTexts(left, right) <= 0,
  'gt string': (left: string, right: string) => compareTexts(left, right) > 0,
  'ge string': (left: string, right: string) => compareTexts(left, right) >= 0,

  'add int64': addIntegers,
  'subtract int64': subtractIntegers,
  'multiply int64': multiplyIntegers,
  'div int64': divideIntegers,
  'mod int64': remainderOfIntegers,
  'negate int64': (value: Integer) => subtractIntegers(0, value),
  'abs int64': (value: Integer) => (value < 0 ? subtractIntegers(0, value) : value),
  'sign int64': (value: Integer) => (value > 0 ? 1 : value < 0 ? -1 : 0),

  'add float64': (left: number, right: number) => finite(left + right),
  'subtract float64': (left: number, right: number) => finite(left - right),
  'multiply float64': (left: number, right: number) => finite(left * right),
  'divide float64': (left: number, right: number) => finite(left / right),
  'div float64': (left: number, right: number) => finite(Math.trunc(left / right)),
  'mod float64': (left: number, right: number) => finite(left % right),
  'negate float64': (value: number) => 0 - value,
  'abs float64': (value: number) => Math.abs(value),
  'sign float64': (value: number) => Math.sign(value),
  'ceil float64': (value: number) => Math.ceil(value) + 0,
  'floor float64': (value: number) => Math.floor(value),
  'round float64': (value: number, digits: number = 0) =>
    (digits === 0 ? round(value) : roundTo(value, digits)) + 0,
  sqrt: (value: number) => finite(Math.sqrt(value)),
  exp: (value: number) => finite(exp(value)),
  ln: (value: number) => finite(ln(value)),
  log10: (value: number) => finite(log10(value)),
  power: (base: number, exponent: number) => finite(power(base, exponent)),

  length: lengthOf,
  lower: (text: string) => changeCase(text, 'lower'),
  upper: (text: string) => changeCase(text, 'upper'),
  trim: (text: string, set = ' ') => trim(text, set, true, true),
  ltrim: (text: string, set = ' ') => trim(text, set, true, false),
  rtrim: (text: string, set = ' ') => trim(text, set, false, true),
  substring: (text: string, start: Integer, length: Integer | null = null) => substring(text, start, length),
  left,
  right,
  replace,
  append: (first: string, second: string) => boundedText(first + second),
  starts_with: (text: string, part: string) => text.startsWith(part),
  ends_with: (text: string, part: string) => text.endsWith(part),
  contains: (text: string, part: string) => text.includes(part),

  ...Object.fromEntries(Object.entries(PARTS).map(([part, read]) => [`extract_${part}`, read])),
  ...Object.fromEntries(
    Object.entries(MICROSECONDS).map(([part, unit]) => [
      `date_diff_${part}`,
      (start: Integer, end: Integer) => floorDivide(end, unit) - floorDivide(start, unit),
    ]),
  ),
};

const TRUE_TEXTS = new Set(['t', 'true', 'y', 'yes', 'on', '1']);
const FALSE_TEXTS = new Set(['f', 'false', 'n', 'no', 'off', '0']);

function parseBoolean(text: string): boolean | null {
  // Only ASCII letters can stand in one of the words.
  const word = /^[ \t\n\v\f\r]*([A-Za-z01]{1,5})[ \t\n\v\f\r]*$/.exec(text)?.[1]?.toLowerCase();
  if (word === undefined) return null;
  return TRUE_TEXTS.has(word) ? true : FALSE_TEXTS.has(word) ? false : null;
}

/** By the types from and to. */
const CASTS: Record<string, Strict> = {
  'int64 float64': (value: Integer) => Number(value),
  'int64 boolean': (value: Integer) => value !== 0,
  'int64 string': (value: Integer) => String(value),
  'float64 int64': (value: number) => integerOfFloat(round(value)),
  'float64 string': (value: number) => String(value),
  'boolean int64': (value: boolean) => (value ? 1 : 0),
  'boolean string': (value: boolean) => String(value),
  'string int64': parseInteger,
  'string float64': parseFloat64,
  'string boolean': parseBoolean,
  'string timestamp': parseTimestamp,
  'timestamp string': formatTimestamp,
};

/** Whether a value of one type can be written as one of another. */
export function canCast(from: ScalarType, to: ScalarType): boolean {
  return from === to || `${from} ${to}` in CASTS;
}

/** A text read as a time, in the one form that times have; null where it is none. */
export function canonicalTimestamp(text: string): string | null {
  const time = parseTimestamp(text);
  return time === null ? null : formatTimestamp(time);
}
