import { MAX_TEXT_BYTES } from './feature-errors.js';
import { type Row, valueReader } from './feature-value.js';
import type { SignatureInput } from './signature-definition.js';
import { partOf, toMilliseconds } from './timestamp.js';
import type { UnseenValues } from './unseen-values.js';

/** The values of a tensor, row by row. */
export type Values = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array | string[];

/** Where a feature, or one part of a timestamp, goes: every `width`-th place of a tensor from `offset`. */
export interface Place {
  /** Index into the tensors. */
  readonly tensor: number;
  readonly offset: number;
  readonly width: number;
}

/**
 * Writes one column of the rows from `from` to before `to` where it goes in the tensors' values; false when a value does
 * not fit.
 */
export type ColumnFiller = (
  rows: readonly Row[],
  tensors: readonly Values[],
  unseen: UnseenValues,
  from: number,
  to: number,
) => boolean;

/** @param places one, or for a timestamp one a part */
export function compileColumn(input: SignatureInput, places: readonly Place[]): ColumnFiller {
  if (input.type === 'timestamp') return timestampColumn(input, places, valueReader(input));
  const place = places[0]!;
  if (input.type === 'string') return textColumn(input, place, textReader(input));
  const read = numberReader(input);
  return input.dtype === 'int64' ? bigintColumn(place, read) : numberColumn(place, read);
}

/**
 * Reads a text feature: null, and a word that training took for a missing value, is the empty text. undefined where
 * the value does not fit.
 */
export function textReader(input: SignatureInput): (row: Row) => string | undefined {
  const read = valueReader(input);
  const { nullable, reading } = input;
  const words = reading?.missing?.length ? new Set(reading.missing) : null;
  const origin = reading?.from;
  return (row) => {
    const value = read(row);
    if (typeof value === 'string') return isTooLong(value) ? undefined : words?.has(value) ? '' : value;
    if (value === null) return nullable ? '' : undefined;
    const isOrigin = origin !== undefined && origin !== 'text';
    return isOrigin && (typeof value === 'number' || typeof value === 'boolean') ? String(value) : undefined;
  };
}

/** Reads a feature that is a number to the model, less its offset. */
export function numberReader(input: SignatureInput): ReadNumber {
  const read = valueReader(input);
  const { type, nullable, offset = 0, reading } = input;
  const toPlain = type === 'integer' ? toInteger : type === 'boolean' ? toBoolean : toFloat;
  const toNumber = reading?.from === 'boolean' ? orBoolean(toPlain) : toPlain;
  return (row) => {
    const value = read(row);
    if (value === null) return nullable ? null : undefined;
    const number = toNumber(value);
    return number === undefined ? undefined : number - offset;
  };
}

const toFloat = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const toInteger = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) ? (value as number) : undefined;
const toBoolean = (value: unknown): number | undefined =>
  value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : undefined;
const orBoolean =
  (toNumber: (value: unknown) => number | undefined) =>
  (value: unknown): number | undefined =>
    typeof value === 'boolean' ? Number(value) : toNumber(value);

/** null for a missing value, undefined for one that does not fit */
export type ReadNumber = (row: Row) => number | null | undefined;

function numberColumn({ tensor, offset, width }: Place, read: ReadNumber): ColumnFiller {
  return (rows, tensors, _unseen, from, to) => {
    const data = tensors[tensor] as Float32Array | Float64Array | Int32Array | Uint8Array;
    const isInteger = data instanceof Int32Array;
    for (let row = from, at = offset + from * width; row < to; row++, at += width) {
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
  return (rows, tensors, _unseen, from, to) => {
    const data = tensors[tensor] as BigInt64Array;
    for (let row = from, at = offset + from * width; row < to; row++, at += width) {
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
  return (rows, tensors, _unseen, from, to) => {
    for (let row = from; row < to; row++) {
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
  read: (row: Row) => string | undefined,
): ColumnFiller {
  const known = categories && new Set(categories);
  // The empty text is how a missing value looks to the model, so it is nothing new to it.
  if (nullable) known?.add('');
  return (rows, tensors, unseen, from, to) => {
    const data = tensors[tensor] as string[];
    for (let row = from, at = offset + from * width; row < to; row++, at += width) {
      const value = read(rows[row]!);
      if (value === undefined) return false;
      data[at] = value;
      if (known && !known.has(value)) unseen.add(name, value, row);
    }
    return true;
  };
}

export function isTooLong(text: string): boolean {
  // A UTF-16 unit takes at most three bytes of UTF-8, so short texts need no counting.
  return text.length * 3 > MAX_TEXT_BYTES && Buffer.byteLength(text) > MAX_TEXT_BYTES;
}
