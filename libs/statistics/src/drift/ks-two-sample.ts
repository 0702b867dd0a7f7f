import { kolmogorovTail } from './kolmogorov.js';
import type { TestResult } from './test-result.js';

/** Up to this many values in the larger sample the p-value is exact, as scipy's `ks_2samp` has it by default. */
export const EXACT_KS_TO = 10_000;

/**
 * The two-sided two-sample Kolmogorov-Smirnov test: the largest distance of two empirical distribution functions.
 * Equal to scipy's `ks_2samp(a, b, method='auto')`.
 * @param a, b ascending values without NaN, at least one each; infinities and ties may be among them
 */
export function ksTwoSample(a: Float64Array, b: Float64Array): TestResult {
  const [n, m] = [a.length, b.length];
  // The distance times n m / gcd is a whole number, by which the exact distribution counts.
  const unit = greatestCommonDivisor(n, m);
  let largest = 0;
  for (let i = 0, j = 0; i < n && j < m;) {
    const value = Math.min(a[i]!, b[j]!);
    while (i < n && a[i] === value) i++;
    while (j < m && b[j] === value) j++;
    largest = Math.max(largest, Math.abs(i * (m / unit) - j * (n / unit)));
  }
  const statistic = largest / ((n / unit) * m);
  return { statistic, p_value: pValue(n, m, unit, largest, statistic) };
}

function pValue(n: number, m: number, unit: number, largest: number, statistic: number): number {
  if (largest === 0) return 1;
  if (Math.max(n, m) > EXACT_KS_TO) {
    const size = (n * m) / (n + m);
    return kolmogorovTail(roundHalfEven(size), statistic);
  }
  return n === m ? equalSizes(n, largest) : unequalSizes(n / unit, m / unit, unit, largest);
}

/**
 * P(D >= h / n) of two samples of n values each, by reflections of lattice paths: B. Gnedenko and V. Korolyuk (1951),
 * 2 Σ (-1)^(k+1) C(2n, n - k h) / C(2n, n). Each quotient is a product of factors below 1.
 */
function equalSizes(n: number, h: number): number {
  let sum = 0;
  let quotient = 1;
  let taken = 0;
  for (let k = 1; k * h <= n; k++) {
    for (; taken < k * h; taken++) quotient *= (n - taken) / (n + taken + 1);
    sum += k % 2 === 1 ? quotient : -quotient;
  }
  return Math.min(1, Math.max(0, 2 * sum));
}

/**
 * P(D >= h / lcm(n, m)): the share of the lattice paths from (0, 0) to (n, m) that reach the distance h. At (i, j) it is the
 * mean of those at (i - 1, j) and (i, j - 1) weighted by i and j, and 1 outside of the band: only shares are added, and
 * nothing cancels. T. Viehmann, "Numerically more stable computation of the p-values for the two-sample
 * Kolmogorov-Smirnov test", arXiv 2102.08037, 2021.
 */
function unequalSizes(reducedN: number, reducedM: number, unit: number, h: number): number {
  const [n, m] = [reducedN * unit, reducedM * unit];
  const row = new Float64Array(m + 1);
  for (let i = 0; i <= n; i++) {
    const from = Math.max(0, Math.floor((i * reducedM - h) / reducedN) + 1);
    const to = Math.min(m, Math.ceil((i * reducedM + h) / reducedN) - 1);
    // What lies left of the band in this row, and what the band of the next row takes from right of it, is outside.
    if (from > 0) row[from - 1] = 1;
    for (let j = from; j <= to; j++)
      row[j] = i + j === 0 ? 0 : ((i > 0 ? i * row[j]! : 0) + (j > 0 ? j * row[j - 1]! : 0)) / (i + j);
    row.fill(1, to + 1, Math.min(m, to + 2 + Math.ceil(reducedM / reducedN)) + 1);
  }
  return row[m]!;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** As numpy rounds, which scipy calls. */
function roundHalfEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
