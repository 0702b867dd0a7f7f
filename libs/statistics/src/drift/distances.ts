/** A share of nothing counts as this much in the population stability index, which would be infinite. */
export const LEAST_SHARE = 1e-4;

/**
 * Population stability index of two histograms over the same bins: Σ (p - q) ln(p / q). By convention below 0.1 is stable, and
 * above 0.25 is a shift.
 * @param reference, current counts, at least one in each histogram
 */
export function populationStability(reference: readonly number[], current: readonly number[]): number {
  const [p, q] = [sharesOf(reference), sharesOf(current)];
  return p.reduce((sum, share, at) => {
    const [from, to] = [Math.max(share, LEAST_SHARE), Math.max(q[at]!, LEAST_SHARE)];
    return sum + (to - from) * Math.log(to / from);
  }, 0);
}

/**
 * Jensen-Shannon distance of two histograms over the same bins, to base 2: from 0 for equal ones to 1 for such that share no
 * bin. Equal to scipy's `jensenshannon(a, b, base=2)`.
 * @param reference, current counts, at least one in each histogram
 */
export function jensenShannon(reference: readonly number[], current: readonly number[]): number {
  const [p, q] = [sharesOf(reference), sharesOf(current)];
  const divergence = p.reduce((sum, share, at) => {
    const middle = (share + q[at]!) / 2;
    return sum + relativeEntropy(share, middle) + relativeEntropy(q[at]!, middle);
  }, 0);
  return Math.sqrt(Math.max(0, divergence) / 2);
}

/**
 * Wasserstein distance of two samples: the area between their empirical distribution functions, in the values' unit. Equal to
 * scipy's `wasserstein_distance(a, b)`.
 * @param a, b ascending finite values, at least one each
 */
export function wasserstein(a: Float64Array, b: Float64Array): number {
  let [i, j] = [0, 0];
  let area = 0;
  let last = Math.min(a[0]!, b[0]!);
  while (i < a.length || j < b.length) {
    const value = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    area += Math.abs(i / a.length - j / b.length) * (value - last);
    while (i < a.length && a[i] === value) i++;
    while (j < b.length && b[j] === value) j++;
    last = value;
  }
  return area;
}

function sharesOf(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

function relativeEntropy(p: number, q: number): number {
  return p === 0 ? 0 : p * Math.log2(p / q);
}
