/**
 * An int64: a number where it is at most ±(2^53 - 1), else a bigint, so that no value has two forms and `===`, `<` and
 * `>` compare any two of them exactly.
 */
export type Integer = number | bigint;

const LEAST = -(2n ** 63n);
const GREATEST = 2n ** 63n - 1n;

/** null where 64 bits do not hold it. */
export function integerOf(exact: bigint): Integer | null {
  const number = Number(exact);
  if (Number.isSafeInteger(number)) return number;
  return exact < LEAST || exact > GREATEST ? null : exact;
}

/** A value of JSON as an int64; null for whatever is none. */
export function readInteger(value: unknown): Integer | null {
  // JSON's -0 is 0.
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : null;
  return typeof value === 'string' ? parseInteger(value) : null;
}

const INTEGER = /^[ \t\n\v\f\r]*([+-]?[0-9]{1,400})[ \t\n\v\f\r]*$/;

/** Decimal text, with a sign and white space around it or not; null for any other. */
export function parseInteger(text: string): Integer | null {
  const digits = INTEGER.exec(text)?.[1];
  if (digits === undefined) return null;
  const number = Number(digits);
  // A plus before digits is no bigint, and -0 is 0.
  if (Number.isSafeInteger(number)) return number + 0;
  return integerOf(BigInt(digits.startsWith('+') ? digits.slice(1) : digits));
}

/** A whole number of float64, as int64. */
export function integerOfFloat(whole: number): Integer | null {
  return Number.isSafeInteger(whole) ? whole + 0 : integerOf(BigInt(whole));
}

// A result of two numbers that is safe is exact: one that is not would have been rounded to 2^53 or beyond.
export function addIntegers(left: Integer, right: Integer): Integer | null {
  if (typeof left === 'number' && typeof right === 'number') {
    const sum = left + right;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return integerOf(BigInt(left) + BigInt(right));
}

export function subtractIntegers(left: Integer, right: Integer): Integer | null {
  if (typeof left === 'number' && typeof right === 'number') {
    const difference = left - right;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return integerOf(BigInt(left) - BigInt(right));
}

export function multiplyIntegers(left: Integer, right: Integer): Integer | null {
  if (typeof left === 'number' && typeof right === 'number') {
    const product = left * right;
    if (Number.isSafeInteger(product)) return product + 0;
  }
  return integerOf(BigInt(left) * BigInt(right));
}

/** The quotient without its fraction, as PostgreSQL's div; null for division by zero. */
export function divideIntegers(left: Integer, right: Integer): Integer | null {
  return right === 0 ? null : integerOf(BigInt(left) / BigInt(right));
}

/** The remainder has the sign of the dividend, as in PostgreSQL; null for division by zero. */
export function remainderOfIntegers(left: Integer, right: Integer): Integer | null {
  if (right === 0) return null;
  if (typeof left === 'number' && typeof right === 'number') return (left % right) + 0;
  return integerOf(BigInt(left) % BigInt(right));
}
