/**
 * P-values adjusted so that of what is called drifted below a level the expected share that is not stays below that level.
 * Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate", J. R. Stat. Soc. B 57, 1995. Equal to scipy's
 * `false_discovery_control(p)`.
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const descending = pValues.map((p, at) => ({ p, at })).sort((left, right) => right.p - left.p);
  const adjusted = new Array<number>(pValues.length);
  let least = 1;
  for (const [passed, { p, at }] of descending.entries()) {
    least = Math.min(least, (p * pValues.length) / (pValues.length - passed));
    adjusted[at] = least;
  }
  return adjusted;
}
