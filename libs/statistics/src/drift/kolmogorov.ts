import { logGamma } from './gamma.js';

/** Up to this size of a sample the distribution is computed exactly where its tail is not. */
const EXACT_TO = 140;
/** From n d² = this on, P(D >= d) is twice the one-sided tail, to 1e-10; Simard and L'Ecuyer, section 3. */
const ONE_SIDED_FROM = 2.2;
/** From here on the tail is 0 in double precision. */
const NO_TAIL_FROM = 370;
/** Samples for which sums over all values would take long, and limits are exact to 1e-6. */
const LARGE_FROM = 100_000;
/** Up to n d^1.5 = this, Durbin's matrix is small; ibid. */
const SMALL_MATRIX_TO = 1.4;

/**
 * P(D >= d) of the two-sided Kolmogorov-Smirnov statistic of one sample of n values from a continuous distribution.
 * R. Simard and P. L'Ecuyer, "Computing the Two-Sided Kolmogorov-Smirnov Distribution", J. Stat. Software 39(11), 2011.
 */
export function kolmogorovTail(n: number, d: number): number {
  if (d >= 1) return 0;
  if (n * d <= 0.5) return 1;
  const scaled = n * d * d;
  if (scaled >= NO_TAIL_FROM) return 0;
  if (d >= 0.5 || scaled >= (n <= EXACT_TO ? 4 : ONE_SIDED_FROM)) return Math.min(1, 2 * oneSidedTail(n, d));
  const isExact = n <= EXACT_TO || (n <= LARGE_FROM && n * d ** 1.5 <= SMALL_MATRIX_TO);
  const below = isExact ? durbinMatrix(n, d) : pelzGood(n, d);
  return Math.min(1, Math.max(0, 1 - below));
}

/**
 * P(D+ >= d): the finite sum of Birnbaum and Tingey (1951), each term by its logarithm; of large samples Smirnov's limit
 * with the correction of U. Maag and G. Dicaire, Biometrika 58, 1971.
 */
function oneSidedTail(n: number, d: number): number {
  if (n > LARGE_FROM) return Math.exp(-((6 * n * d + 1) ** 2) / (18 * n));
  const logFactorial = logGamma(n + 1);
  const last = Math.floor(n * (1 - d));
  let sum = 0;
  for (let j = 0; j <= last; j++) {
    const left = 1 - d - j / n;
    if (left <= 0) {
      // Only the whole power of n makes a term of its own here.
      if (j === n) sum += Math.pow(d + 1, n - 1);
      continue;
    }
    const logBinomial = logFactorial - logGamma(j + 1) - logGamma(n - j + 1);
    sum += Math.exp(logBinomial + (n - j) * Math.log(left) + (j - 1) * Math.log(d + j / n));
  }
  return Math.min(1, d * sum);
}

/**
 * P(D < d), exact: n! / n^n times an element of the n-th power of Durbin's matrix. G. Marsaglia, W. Tsang and J. Wang,
 * "Evaluating Kolmogorov's Distribution", J. Stat. Software 8(18), 2003.
 */
function durbinMatrix(n: number, d: number): number {
  const k = Math.floor(n * d) + 1;
  const size = 2 * k - 1;
  const rest = k - n * d;
  const matrix: Float64Array[] = Array.from({ length: size }, (_, row) =>
    Float64Array.from({ length: size }, (_, column) => (row - column + 1 >= 0 ? 1 : 0)),
  );
  for (let i = 0; i < size; i++) {
    matrix[i]![0]! -= rest ** (i + 1);
    matrix[size - 1]![i]! -= rest ** (size - i);
  }
  if (2 * rest - 1 > 0) matrix[size - 1]![0]! += (2 * rest - 1) ** size;
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      for (let factor = 1; factor <= row - column + 1; factor++) matrix[row]![column]! /= factor;

  const { power, exponent } = powerOf(matrix, n);
  const logFactor = logGamma(n + 1) - n * Math.log(n);
  return power[k - 1]![k - 1]! * Math.exp(logFactor + exponent * Math.LN2);
}

/** A power of a matrix as `power` times 2 to `exponent`, so that no element overflows. */
function powerOf(matrix: Float64Array[], n: number): { power: Float64Array[]; exponent: number } {
  if (n === 1) return { power: matrix, exponent: 0 };
  const half = powerOf(matrix, Math.floor(n / 2));
  let power = product(half.power, half.power);
  if (n % 2 === 1) power = product(power, matrix);
  const largest = Math.max(...power.map((row) => Math.max(...row)));
  const shift = Math.floor(Math.log2(largest));
  for (const row of power) for (let at = 0; at < row.length; at++) row[at]! *= 2 ** -shift;
  return { power, exponent: 2 * half.exponent + shift };
}

function product(left: Float64Array[], right: Float64Array[]): Float64Array[] {
  return left.map((row) => {
    const result = new Float64Array(row.length);
    for (let inner = 0; inner < row.length; inner++) {
      const factor = row[inner]!;
      if (factor === 0) continue;
      for (let column = 0; column < row.length; column++) result[column]! += factor * right[inner]![column]!;
    }
    return result;
  });
}

/**
 * P(D < d) for large n, to about 1e-7 and better: the limit distribution and three terms of correction. W. Pelz and I. Good,
 * "Approximating the Lower Tail-Areas of the Kolmogorov-Smirnov One-Sample Statistic", J. R. Stat. Soc. B 38, 1976,
 * as written by Simard and L'Ecuyer, section 2.3.
 */
function pelzGood(n: number, d: number): number {
  const z = d * Math.sqrt(n);
  const [z2, z4, z6] = [z ** 2, z ** 4, z ** 6];
  const terms = Math.ceil((16 * z) / Math.PI) + 2;
  const k = [0, 0, 0, 0];
  for (let i = 0; i < terms; i++) {
    // Both signs of the index give the same.
    const u = Math.PI ** 2 * (i + 0.5) ** 2;
    const weight = 2 * Math.exp(-u / (2 * z2));
    k[0]! += weight / z;
    k[1]! += (weight * (u - z2)) / (6 * z4);
    k[2]! += (weight * (6 * z6 + 2 * z4 + u * (2 * z4 - 5 * z2) + u ** 2 * (1 - 2 * z2))) / (72 * z ** 7);
    k[3]! +=
      (weight *
        (u ** 3 * (5 - 30 * z2) +
          u ** 2 * (-60 * z2 + 212 * z4) +
          u * (135 * z4 - 96 * z6) -
          30 * z6 -
          90 * z ** 8)) /
      (6480 * z ** 10);
  }
  for (let i = 1; i <= terms; i++) {
    const v = Math.PI ** 2 * i ** 2;
    const weight = 2 * Math.exp(-v / (2 * z2));
    k[2]! -= (weight * v) / (36 * z ** 3);
    k[3]! += (weight * (3 * v * z2 - v ** 2)) / (216 * z6);
  }
  const sum = k.reduce((total, term, order) => total + term / n ** (order / 2), 0);
  return Math.sqrt(Math.PI / 2) * sum;
}
