import type { FeatureType, JsonValue } from './feature-types.js';
import { formatInstant, parseInstant } from './timestamp.js';

/** The value is none of its type; the message says what it must be, and goes behind the name of the feature. */
export class UnfitValue extends Error {}

export const MAX_TEXT_BYTES = 64 * 1024;
export const MAX_LIST_ITEMS = 10_000;

const INTEGER_TEXT = /^(?:0|-?[1-9]\d{0,18})$/;
const LEAST_INT64 = -(2n ** 63n);
const GREATEST_INT64 = 2n ** 63n - 1n;
const MAX_SHOWN_LENGTH = 80;

type Scalar = 'int64' | 'float64' | 'boolean' | 'string' | 'timestamp';

/**
 * The one form of a value: whole numbers past ±(2^53 - 1) as decimal texts, timestamps as `YYYY-MM-DDTHH:MM:SS.ffffffZ`,
 * all others as JSON has them. Null is a value of every type, and an item of every list.
 * @throws UnfitValue
 */
export function canonicalValue(value: unknown, type: FeatureType): JsonValue {
  if (value === null) return null;
  if (!type.endsWith('_list')) return canonicalScalar(value, type as Scalar);
  if (!Array.isArray(value)) throw new UnfitValue(`must be an array, got ${describeValue(value)}`);
  if (value.length > MAX_LIST_ITEMS)
    throw new UnfitValue(`must hold at most ${MAX_LIST_ITEMS} items, holds ${value.length}`);
  const itemType = type.slice(0, -'_list'.length) as Scalar;
  return value.map((item) => (item === null ? null : canonicalScalar(item, itemType)));
}

function canonicalScalar(value: unknown, type: Scalar): JsonValue {
  switch (type) {
    case 'int64':
      return canonicalInteger(value);
    case 'float64':
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      throw new UnfitValue(`must be a finite number, got ${describeValue(value)}`);
    case 'boolean':
      if (typeof value === 'boolean') return value;
      throw new UnfitValue(`must be true or false, got ${describeValue(value)}`);
    case 'string':
      if (typeof value !== 'string') throw new UnfitValue(`must be a text, got ${describeValue(value)}`);
      if (Buffer.byteLength(value) > MAX_TEXT_BYTES)
        throw new UnfitValue(`must be a text of at most ${MAX_TEXT_BYTES} bytes`);
      if (!isWellFormed(value)) throw new UnfitValue('must be a text without half surrogate pairs');
      return value;
    case 'timestamp': {
      const instant = typeof value === 'string' ? parseInstant(value) : null;
      if (instant) return formatInstant(instant);
      throw new UnfitValue(
        `must be a date or time such as 2026-02-12T10:00:00Z in the years 1 to 9999, got ${describeValue(value)}`,
      );
    }
  }
}

/** A whole number of 64 bits, as a number where it holds it exactly, else as text. @throws UnfitValue */
export function canonicalInteger(value: unknown): number | string {
  // JSON's -0 is 0.
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value + 0;
  if (typeof value === 'number' && Number.isInteger(value))
    throw new UnfitValue(
      'must be sent as a text past ±9007199254740991, where numbers of JSON are not exact',
    );
  if (typeof value === 'string' && INTEGER_TEXT.test(value)) {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    const exact = BigInt(value);
    if (exact >= LEAST_INT64 && exact <= GREATEST_INT64) return value;
  }
  throw new UnfitValue(
    `must be a whole number of 64 bits, as a number or a decimal text, got ${describeValue(value)}`,
  );
}

/** Whether a text has a UTF-8 form: half a surrogate pair has none. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** A few words for an error message about a value of JSON. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > MAX_SHOWN_LENGTH ? `${value.slice(0, MAX_SHOWN_LENGTH)}…` : value)}`;
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
