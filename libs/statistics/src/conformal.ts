/** Order statistics of the scores of calibration rows; all of them where the rows are few. */
export interface ScoreTable {
  /** How many rows were scored, n. */
  readonly count: number;
  /** m ascending scores, m at most n: the j-th (from 1) is that of rank ceil(j n / m) among the n. */
  readonly scores: readonly number[];
}

/** How far off the answers of a regression are, by the answer itself; [bins]. */
export interface Spread {
  /** Ascending answers at which the next bin begins; one fewer than bins. */
  readonly edges: readonly number[];
  /** What the distance from the answer is divided by in each bin; above 0. */
  readonly scales: readonly number[];
}

export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** What rounding may add to (n + 1) coverage: 20 times 0.55 is 11.000000000000002. */
const RANK_TOLERANCE = 1e-9;
const COVERAGE_STEPS = 1e4;
/** Classes this close to the most probable one are tied with it, as in libs/inference/src/answers.ts. */
const TIE_WIDTH = 2e-6;

/**
 * The score that a new row's stays below with probability `coverage`, if it is exchangeable with the calibration rows:
 * the one of rank ceil((n + 1) coverage) (Vovk et al. 2005; Lei et al. 2018). Where the table has no such rank, the next
 * higher one it has, which covers at most 1/m more.
 * @param coverage more than 0 and less than 1
 * @returns undefined where n rows are too few: `highestCoverage`
 */
export function quantileOf({ count, scores }: ScoreTable, coverage: number): number | undefined {
  const rank = Math.max(1, Math.ceil((count + 1) * coverage - RANK_TOLERANCE));
  return rank > count ? undefined : scores[Math.ceil((rank * scores.length) / count) - 1];
}

/** The highest coverage that so many rows allow, n / (n + 1), rounded down to four digits. */
export function highestCoverage({ count }: ScoreTable): number {
  return Math.floor((count / (count + 1)) * COVERAGE_STEPS) / COVERAGE_STEPS;
}

/**
 * The values whose score, their distance from the answer divided by the scale of its bin, is at most `quantile`
 * (normalised residuals: Papadopoulos et al. 2008).
 * @param spread null where scores are plain distances
 */
export function intervalAround(answer: number, quantile: number, spread: Spread | null): Interval {
  const distance = spread ? quantile * spread.scales[binOf(answer, spread.edges)]! : quantile;
  return { lower: answer - distance, upper: answer + distance };
}

function binOf(answer: number, edges: readonly number[]): number {
  const above = edges.findIndex((edge) => answer < edge);
  return above === -1 ? edges.length : above;
}

/**
 * The classes whose score is at most `quantile`, the most probable first. A class's score is the probability of all that
 * are more probable and half its own: adaptive prediction sets (Romano, Sesia & Candès 2020) with the random share of the
 * class's own probability at its mean, so that a row always has the same set. The most probable class is always in it.
 * @param probabilities one a class
 * @returns indexes of classes
 */
export function adaptiveSet(probabilities: readonly number[], quantile: number): number[] {
  const least = Math.max(...probabilities) - TIE_WIDTH;
  const first = probabilities.findIndex((probability) => probability >= least);
  const others = probabilities.map((_, index) => index).filter((index) => index !== first);
  others.sort((one, other) => probabilities[other]! - probabilities[one]! || one - other);
  const set = [first];
  let before = probabilities[first]!;
  for (const index of others) {
    const own = probabilities[index]!;
    if (before + own / 2 > quantile) break;
    set.push(index);
    before += own;
  }
  return set;
}
