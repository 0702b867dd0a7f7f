/** Terms after which a series or a continued fraction has no more to give in double precision. */
const MAX_TERMS = 100_000;
const EPSILON = 2 ** -53;
/** Coefficients B(2k) / (2k (2k - 1)) of Stirling's series; DLMF 5.11.1. */
const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360, 1 / 156];
/** From here on Stirling's series is exact to double precision. */
const STIRLING_FROM = 15;

/** ln Γ(x) of x > 0: Stirling's series, after Γ(x + 1) = x Γ(x) has led to a large argument. */
export function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < STIRLING_FROM; at++) shift += Math.log(at);
  let power = 1 / at;
  let series = 0;
  for (const coefficient of STIRLING) {
    series += coefficient * power;
    power /= at * at;
  }
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - shift;
}

/**
 * Regularized upper incomplete gamma function Q(a, x) of a > 0 and x >= 0: by the series of P (DLMF 8.11.4) below
 * a + 1, and by Legendre's continued fraction (DLMF 8.9.2, evaluated by Lentz's method) above.
 */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  if (x === Infinity) return 0;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < MAX_TERMS && term > sum * EPSILON; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return Math.max(0, 1 - scale * sum);
  }
  let b = x + 1 - a;
  let c = Infinity;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < MAX_TERMS; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / (b + numerator * d);
    c = b + numerator / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < EPSILON * 4) break;
  }
  return Math.min(1, scale * fraction);
}

/** P(X >= x) of a chi-squared variable with so many degrees of freedom. */
export function chiSquaredTail(x: number, degrees: number): number {
  return upperGamma(degrees / 2, x / 2);
}
