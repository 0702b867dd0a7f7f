import type { TestResult } from './test-result.js';

/** Table 2 of Scholz and Stephens: critical values are b0 + b1 / √m + b2 / m, with m one less than the samples. */
const LEVELS = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
const CRITICAL = [
  [0.675, -0.245, -0.105],
  [1.281, 0.25, -0.305],
  [1.645, 0.678, -0.362],
  [1.96, 1.149, -0.391],
  [2.326, 1.822, -0.396],
  [2.573, 2.364, -0.345],
  [3.085, 3.615, -0.154],
].map(([b0, b1, b2]) => b0! + b1! + b2!);

/**
 * The two-sample Anderson-Darling test with midranks, normalized; it sees the tails better than Kolmogorov-Smirnov. F. Scholz
 * and M. Stephens, "K-Sample Anderson-Darling Tests", J. Am. Stat. Assoc. 82, 1987, equation 7. Equal to scipy's
 * `anderson_ksamp([a, b], variant='midrank')`.
 * @param a, b ascending values without NaN, together at least four and not all the same
 * @returns the p-value between 0.001 and 0.25, beyond which the table says nothing
 * @throws RangeError for samples of which the statistic has no meaning
 */
export function andersonDarling(a: Float64Array, b: Float64Array): TestResult {
  const total = a.length + b.length;
  if (a.length === 0 || b.length === 0 || total < 4)
    throw new RangeError('each sample needs a value, and both together four');
  let [i, j] = [0, 0];
  let [sumA, sumB] = [0, 0];
  let distinct = 0;
  while (i < a.length || j < b.length) {
    const value = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    const [beforeA, beforeB] = [i, j];
    while (i < a.length && a[i] === value) i++;
    while (j < b.length && b[j] === value) j++;
    distinct++;
    const [inA, inB] = [i - beforeA, j - beforeB];
    const here = inA + inB;
    const below = beforeA + beforeB + here / 2;
    const scale = here / total / (below * (total - below) - (total * here) / 4);
    sumA += scale * (total * (beforeA + inA / 2) - below * a.length) ** 2;
    sumB += scale * (total * (beforeB + inB / 2) - below * b.length) ** 2;
  }
  if (distinct < 2) throw new RangeError('all values are the same');
  const raw = ((sumA / a.length + sumB / b.length) * (total - 1)) / total;
  const statistic = (raw - 1) / Math.sqrt(varianceOf(a.length, b.length));
  return { statistic, p_value: pValue(statistic) };
}

/** Variance of the raw statistic of two samples where both are from one distribution; ibid., equation 4. */
function varianceOf(n: number, m: number): number {
  const total = n + m;
  let h = 0;
  let g = 0;
  // g is the sum of 1 / ((total - i) j) over i < j: of each j the sum of 1 / (total - i) so far.
  for (let at = 1; at < total - 1; at++) {
    h += 1 / (total - at);
    g += h / (at + 1);
  }
  h += 1;
  const inverse = 1 / n + 1 / m;
  const a = 4 * g - 6 + (10 - 6 * g) * inverse;
  const b = 4 * (2 * g - 4) + 16 * h + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6;
  const c = 4 * (6 * h + 2 * g - 2) + 2 * (4 * h - 4 * g + 6) + (2 * h - 6) * inverse + 4 * h;
  const d = 4 * (2 * h + 6) - 8 * h;
  return (a * total ** 3 + b * total ** 2 + c * total + d) / ((total - 1) * (total - 2) * (total - 3));
}

/** The logarithm of the level as a parabola of the critical value, fitted by least squares; ibid., section 4. */
function pValue(statistic: number): number {
  if (statistic < CRITICAL[0]!) return LEVELS[0]!;
  if (statistic > CRITICAL.at(-1)!) return LEVELS.at(-1)!;
  const [c0, c1, c2] = parabola(CRITICAL, LEVELS.map(Math.log));
  return Math.exp(c0! + c1! * statistic + c2! * statistic ** 2);
}

/** Coefficients of the least-squares parabola through points, by its normal equations and Cramer's rule. */
function parabola(x: readonly number[], y: readonly number[]): number[] {
  const moment = (power: number) => x.reduce((sum, each) => sum + each ** power, 0);
  const right = [0, 1, 2].map((power) => x.reduce((sum, each, at) => sum + each ** power * y[at]!, 0));
  const rows = [0, 1, 2].map((row) => [moment(row), moment(row + 1), moment(row + 2)]);
  const whole = determinant(rows);
  return [0, 1, 2].map((column) => determinant(rows.map((row, at) => row.with(column, right[at]!))) / whole);
}

/** Of a matrix of three rows and columns, by the rule of Sarrus. */
function determinant(rows: readonly number[][]): number {
  const product = (first: number, second: number, third: number) =>
    rows[0]![first]! * rows[1]![second]! * rows[2]![third]!;
  return (
    product(0, 1, 2) +
    product(1, 2, 0) +
    product(2, 0, 1) -
    product(2, 1, 0) -
    product(1, 0, 2) -
    product(0, 2, 1)
  );
}
