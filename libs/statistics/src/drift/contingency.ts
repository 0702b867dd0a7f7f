import { chiSquaredTail } from './gamma.js';
import type { TestResult } from './test-result.js';

/**
 * Whether two samples fall into categories alike: Pearson's chi-squared test of a 2 x k table, with Yates' correction where
 * k is 2. Equal to scipy's `chi2_contingency([a, b])`.
 * @param a, b counts of each category; a category that neither has is left out
 */
export function chiSquared(a: readonly number[], b: readonly number[]): TestResult {
  return divergence(a, b, (observed, expected) => (observed - expected) ** 2 / expected);
}

/**
 * The same by the ratio of likelihoods: 2 Σ O ln(O / E). Equal to scipy's `chi2_contingency([a, b],
 * lambda_='log-likelihood')`.
 */
export function gTest(a: readonly number[], b: readonly number[]): TestResult {
  return divergence(a, b, (observed, expected) =>
    observed === 0 ? 0 : 2 * observed * Math.log(observed / expected),
  );
}

function divergence(
  a: readonly number[],
  b: readonly number[],
  term: (observed: number, expected: number) => number,
): TestResult {
  const used = a.map((_, at) => at).filter((at) => a[at]! + b[at]! > 0);
  const sums = [a, b].map((counts) => used.reduce((sum, at) => sum + counts[at]!, 0));
  const total = sums[0]! + sums[1]!;
  const degrees = used.length - 1;
  if (degrees < 1 || sums.includes(0)) return { statistic: 0, p_value: 1 };
  let statistic = 0;
  for (const at of used) {
    for (const [row, counts] of [a, b].entries()) {
      const expected = (sums[row]! / total) * (a[at]! + b[at]!);
      const off = expected - counts[at]!;
      const corrected =
        degrees === 1 ? counts[at]! + Math.sign(off) * Math.min(0.5, Math.abs(off)) : counts[at]!;
      statistic += term(corrected, expected);
    }
  }
  return { statistic, p_value: chiSquaredTail(statistic, degrees) };
}
