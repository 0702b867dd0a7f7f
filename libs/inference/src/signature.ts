import { Tensor } from 'onnxruntime-node';
import { diagnose, MAX_TEXT_BYTES } from './feature-errors.js';
import {
  checkSignature,
  groupByTensor,
  type SignatureDefinition,
  type SignatureInput,
  tensorsOf,
} from './signature-definition.js';
import { partOf, toMilliseconds } from './timestamp.js';
import { UnseenValues } from './unseen-values.js';

/**
 * Rows as tensors: one a feature, of shape [rows, 1] or [rows], one of shape [rows, k] for k features, or several of
 * shape [rows, 1] for the parts of a timestamp.
 */
export interface EncodedRows {
  readonly feeds: Record<string, Tensor>;
  /** What was scored although it may not mean what the caller thinks. */
  readonly warnings: string[];
}

type Row = Record<string, unknown>;

/** An input of the graph, as wide as the features that share it are many. */
interface InputTensor {
  readonly name: string;
  readonly dtype: SignatureInput['dtype'];
  readonly rank: 1 | 2;
  readonly width: number;
}

/** The values of a tensor, row by row. */
type Values = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | string[];

/** Where a feature, or one part of a timestamp, goes: every `width`-th place of a tensor from `offset`. */
interface Place {
  /** Index into the tensors. */
  readonly tensor: number;
  readonly offset: number;
  readonly width: number;
}

/** Writes one column of the request where it goes in the tensors' values; false when a value does not fit. */
type ColumnFiller = (rows: readonly Row[], tensors: readonly Values[], unseen: UnseenValues) => boolean;

/**
 * Checks a signature document and compiles it.
 * @param json a document of contracts/signature.v1.schema.json
 * @throws InvalidSignature
 */
export function compileSignature(json: unknown): Signature {
  return new Signature(checkSignature(json));
}

/** How named features become input tensors. Made by `compileSignature`; immutable and shared by requests. */
export class Signature {
  private readonly tensors: readonly InputTensor[];
  private readonly fillers: readonly ColumnFiller[];
  private readonly names: ReadonlySet<string>;
  private readonly ignored: ReadonlySet<string>;

  constructor(readonly definition: SignatureDefinition) {
    const groups = groupByTensor(definition.inputs);
    this.tensors = Array.from(groups, ([name, inputs]) => {
      const { dtype, rank = 2 } = inputs[0]!;
      return { name, dtype, rank, width: inputs.length };
    });
    const order = new Map(Array.from(groups.keys(), (name, at) => [name, at]));
    this.fillers = definition.inputs.map((input) => {
      const places = tensorsOf(input).map((name): Place => {
        const tensor = order.get(name)!;
        return { tensor, offset: input.column ?? 0, width: this.tensors[tensor]!.width };
      });
      return compileColumn(input, places);
    });
    this.names = new Set(definition.inputs.map(({ name }) => name));
    this.ignored = new Set(definition.ignored);
  }

  /**
   * Encodes rows of features: `null` becomes NaN or the empty text, booleans 0 and 1. Every feature must be
   * there, if only as null. Ignored columns and unseen categories are accepted with a warning.
   * @param rows JSON objects, one a row
   * @throws FeatureErrors naming everything that is wrong in all rows
   */
  encode(rows: readonly unknown[]): EncodedRows {
    const { inputs } = this.definition;
    const fail = () => diagnose(rows, inputs, this.ignored);
    for (const row of rows) {
      if (typeof row !== 'object' || row === null || Array.isArray(row)) throw fail();
    }
    const objects = rows as readonly Row[];
    const unseen = new UnseenValues();
    const values = this.tensors.map(({ dtype, width }) => new ARRAYS[dtype](rows.length * width) as Values);
    // Column by column: a call and a type check a column instead of a cell.
    for (const fill of this.fillers) if (!fill(objects, values, unseen)) throw fail();
    const feeds: Record<string, Tensor> = Object.create(null) as Record<string, Tensor>;
    this.tensors.forEach(({ name, dtype, rank, width }, at) => {
      const shape = rank === 1 ? [rows.length] : [rows.length, width];
      feeds[name] = new Tensor(dtype, values[at] as never, shape);
    });
    // Every feature is there now, so a row with as many keys as features has no other.
    const usedIgnored = new Set<string>();
    for (const row of objects) {
      const keys = Object.keys(row);
      if (keys.length === inputs.length) continue;
      for (const key of keys) {
        if (this.names.has(key)) continue;
        if (!this.ignored.has(key)) throw fail();
        usedIgnored.add(key);
      }
      if (keys.length < inputs.length) throw fail();
    }
    const warnings = Array.from(usedIgnored, (name) => `the model does not use '${name}'; it was ignored`);
    return { feeds, warnings: [...warnings, ...unseen.describe(rows.length)] };
  }
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
  string: Array<string>,
} as const;

function compileColumn(input: SignatureInput, places: readonly Place[]): ColumnFiller {
  const { name, type, nullable } = input;
  // A row without a feature called "constructor" still answers `row.constructor`, with what it inherits.
  const read: (row: Row) => unknown =
    name in Object.prototype
      ? (row) => (Object.hasOwn(row, name) ? row[name] : undefined)
      : (row) => row[name];
  if (type === 'timestamp') return timestampColumn(input, places, read);
  const place = places[0]!;
  if (type === 'string') return textColumn(input, place, read);
  const toNumber = { number: toFloat, integer: toInteger, boolean: toBoolean }[type];
  const readNumber = (row: Row): number | null | undefined => {
    const value = read(row);
    return value === null ? (nullable ? null : undefined) : toNumber(value);
  };
  return input.dtype === 'int64' ? bigintColumn(place, readNumber) : numberColumn(place, readNumber);
}

const toFloat = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const toInteger = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) ? (value as number) : undefined;
const toBoolean = (value: unknown): number | undefined =>
  value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : undefined;

/** null for a missing value, undefined for one that does not fit */
type ReadNumber = (row: Row) => number | null | undefined;

function numberColumn({ tensor, offset, width }: Place, read: ReadNumber): ColumnFiller {
  return (rows, tensors) => {
    const data = tensors[tensor] as Float32Array | Float64Array | Int32Array | Uint8Array;
    const isInteger = data instanceof Int32Array;
    for (let row = 0, at = offset; row < rows.length; row++, at += width) {
      const value = read(rows[row]!);
      if (value === undefined) return false;
      data[at] = value ?? NaN;
      // Also what the tensor cannot hold: in float32 it has become infinite by being stored, in int32 another number.
      if (value !== null && (!Number.isFinite(data[at]) || (isInteger && data[at] !== value))) return false;
    }
    return true;
  };
}

function bigintColumn({ tensor, offset, width }: Place, read: ReadNumber): ColumnFiller {
  return (rows, tensors) => {
    const data = tensors[tensor] as BigInt64Array;
    for (let row = 0, at = offset; row < rows.length; row++, at += width) {
      const value = read(rows[row]!);
      if (value === undefined || value === null) return false;
      data[at] = BigInt(value);
    }
    return true;
  };
}

/** Each value is read once, however many parts the model sees of it. */
function timestampColumn(
  { nullable, parts = [] }: SignatureInput,
  places: readonly Place[],
  read: (row: Row) => unknown,
): ColumnFiller {
  const wanted = parts.map(({ part }, at) => ({ part, ...places[at]! }));
  return (rows, tensors) => {
    for (let row = 0; row < rows.length; row++) {
      const value = read(rows[row]!);
      const milliseconds = value === null && nullable ? NaN : toMilliseconds(value);
      if (milliseconds === null) return false;
      for (const { part, tensor, offset, width } of wanted) {
        (tensors[tensor] as Float32Array)[offset + row * width] = partOf(milliseconds, part);
      }
    }
    return true;
  };
}

function textColumn(
  { name, nullable, categories }: SignatureInput,
  { tensor, offset, width }: Place,
  read: (row: Row) => unknown,
): ColumnFiller {
  const known = categories && new Set(categories);
  // The empty text is how a missing value looks to the model, so it is nothing new to it.
  if (nullable) known?.add('');
  return (rows, tensors, unseen) => {
    const data = tensors[tensor] as string[];
    for (let row = 0, at = offset; row < rows.length; row++, at += width) {
      const value = read(rows[row]!) ?? (nullable && read(rows[row]!) === null ? '' : undefined);
      if (typeof value !== 'string' || isTooLong(value)) return false;
      data[at] = value;
      if (known && !known.has(value)) unseen.add(name, value, row);
    }
    return true;
  };
}

function isTooLong(text: string): boolean {
  // A UTF-16 unit takes at most three bytes of UTF-8, so short texts need no counting.
  return text.length * 3 > MAX_TEXT_BYTES && Buffer.byteLength(text) > MAX_TEXT_BYTES;
}
