/**
 * exp, ln, log10 and power of float64, made of additions, multiplications and divisions alone. Engines and libraries
 * differ in the last bit of these functions; `elementary.py` of the trainer does the same steps, so that both answer
 * alike. Between the steps a value is a sum of two float64, the second below half a unit in the last place of the first
 * (Dekker, Numerische Mathematik 1971), which keeps the error of results under 0.51 units in the last place.
 */
type Double = readonly [high: number, low: number];

const bits = new DataView(new ArrayBuffer(8));

/** 2^exponent, for -1022 to 1023. */
function powerOfTwo(exponent: number): number {
  bits.setUint32(0, (exponent + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** x = mantissa * 2^exponent with a mantissa from the square root of a half to that of two; x is positive. */
function split(x: number): [mantissa: number, exponent: number] {
  let exponent = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984;
    exponent = -54;
  }
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  exponent += (high >>> 20) - 1022;
  bits.setUint32(0, (high & 0xfffff) | 0x3fe00000);
  const mantissa = bits.getFloat64(0);
  return mantissa < 0.7071067811865476 ? [mantissa * 2, exponent - 1] : [mantissa, exponent];
}

/** The exact sum, where the first is the larger or zero. */
function quickSum(a: number, b: number): Double {
  const high = a + b;
  return [high, b - (high - a)];
}

/** The exact product (Veltkamp's splitting). */
function product(a: number, b: number): Double {
  const high = a * b;
  const aSplit = 134217729 * a;
  const aHigh = aSplit - (aSplit - a);
  const aLow = a - aHigh;
  const bSplit = 134217729 * b;
  const bHigh = bSplit - (bSplit - b);
  const bLow = b - bHigh;
  return [high, aLow * bLow - (high - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

function add([a, aLow]: Double, [b, bLow]: Double): Double {
  const high = a + b;
  const part = high - a;
  const low = a - (high - part) + (b - part);
  return quickSum(high, low + (aLow + bLow));
}

function multiply([a, aLow]: Double, [b, bLow]: Double): Double {
  const [high, low] = product(a, b);
  return quickSum(high, low + (a * bLow + aLow * b));
}

function divide(a: Double, b: Double): Double {
  const first = a[0] / b[0];
  const [high, low] = multiply([first, 0], b);
  return quickSum(first, (a[0] - high - low + a[1]) / b[0]);
}

const LN_2: Double = [0.6931471805599453, 2.3190468138462996e-17];
const RECIPROCAL_OF_LN_10: Double = [0.4342944819032518, 1.098319650216765e-17];
const THIRD: Double = [0.3333333333333333, 1.850371707708594e-17];
const FIFTH: Double = [0.2, -1.1102230246251566e-17];
const SIXTH: Double = [0.16666666666666666, 9.25185853854297e-18];

/** ln of a positive number: exponent * ln 2 + 2 atanh((m - 1) / (m + 1)), the series of which ends behind s^29. */
function logarithm(x: number): Double {
  const [mantissa, exponent] = split(x);
  const s = divide([mantissa - 1, 0], add([mantissa, 0], [1, 0]));
  const square = multiply(s, s);
  const z = square[0];
  let tail = 1 / 29;
  for (let n = 27; n >= 7; n -= 2) tail = tail * z + 1 / n;
  let series = add(FIFTH, multiply(square, [tail, 0]));
  series = add(THIRD, multiply(square, series));
  series = add([1, 0], multiply(square, series));
  const ofMantissa = multiply(s, series);
  return add(multiply([exponent, 0], LN_2), [2 * ofMantissa[0], 2 * ofMantissa[1]]);
}

/** e^(high + low): 2^k e^r with r within half of ln 2, the series of which ends behind r^18. */
function exponential(x: Double): number {
  if (x[0] > 710) return Infinity;
  if (x[0] < -746) return 0;
  const k = Math.floor(x[0] * 1.4426950408889634 + 0.5);
  const [kHigh, kLow] = multiply([k, 0], LN_2);
  const r = add(x, [-kHigh, -kLow]);
  let tail = 1 / FACTORIALS[18]!;
  for (let n = 17; n >= 4; n--) tail = tail * r[0] + 1 / FACTORIALS[n]!;
  let series = add(SIXTH, multiply(r, [tail, 0]));
  series = add([0.5, 0], multiply(r, series));
  series = add([1, 0], multiply(r, series));
  series = add([1, 0], multiply(r, series));
  const half = Math.floor(k / 2);
  return (series[0] + series[1]) * powerOfTwo(half) * powerOfTwo(k - half);
}

const FACTORIALS = [1];
for (let n = 1; n <= 18; n++) FACTORIALS.push(FACTORIALS[n - 1]! * n);

export function exp(x: number): number {
  return exponential([x, 0]);
}

/** NaN for what is not positive. */
export function ln(x: number): number {
  if (!(x > 0)) return NaN;
  const [high, low] = logarithm(x);
  return high + low;
}

/** NaN for what is not positive. */
export function log10(x: number): number {
  if (!(x > 0)) return NaN;
  const [high, low] = multiply(logarithm(x), RECIPROCAL_OF_LN_10);
  return high + low;
}

/** x^y; NaN for a negative x and a y that is not whole, infinite for zero to a negative y. */
export function power(x: number, y: number): number {
  if (y === 0 || x === 1) return 1;
  if (x === 0) return y > 0 ? 0 : Infinity;
  const isWhole = Math.floor(y) === y;
  if (x < 0 && !isWhole) return NaN;
  const sign = x < 0 && y % 2 !== 0 ? -1 : 1;
  const log = logarithm(Math.abs(x));
  if (log[0] === 0) return sign;
  const estimate = y * log[0];
  if (estimate > 710) return sign * Infinity;
  if (estimate < -746) return 0;
  return sign * exponential(multiply([y, 0], log));
}
