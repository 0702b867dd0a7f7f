import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import {
  adaptiveSet,
  chooseThreshold,
  highestCoverage,
  intervalAround,
  pointsOf,
  quantileOf,
  type ScoreTable,
  type Spread,
  type ThresholdChoice,
  type ThresholdCurve,
  type ThresholdPoint,
} from './index.js';

interface Reference {
  coverages: number[];
  tables: { table: ScoreTable; exact: (number | null)[] | null; trainer: (number | null)[] }[];
  sets: { probabilities: number[][]; quantile: number; sets: number[][] }[];
  intervals: { spread: Spread; answers: number[]; quantile: number; lower: number[]; upper: number[] };
  thresholds: { curve: ThresholdCurve; points: ThresholdPoint[]; costs: number[] };
}

describe('certainty, beside numpy, scikit-learn and the trainer', () => {
  const reference = JSON.parse(
    execFileSync(process.env.MODELPLANE_PYTHON!, [resolve(import.meta.dirname, '../test/reference.py')], {
      env: { ...process.env, PYTHONPATH: resolve(import.meta.dirname, '../../../trainer/src') },
      maxBuffer: 2 ** 26,
    }).toString(),
  ) as Reference;

  it('should read the corrected quantile of scores', () => {
    for (const { table, exact, trainer } of reference.tables) {
      const found = reference.coverages.map((coverage) => quantileOf(table, coverage) ?? null);
      expect(found).toEqual(trainer);
      if (exact) expect(found).toEqual(exact);
    }
  });

  it('should allow no coverage that the rows do not', () => {
    for (const { table } of reference.tables) {
      const highest = highestCoverage(table);
      expect(quantileOf(table, highest)).toBe(table.scores.at(-1));
      expect(quantileOf(table, highest + 0.0001)).toBeUndefined();
    }
  });

  it('should answer sets that are never empty, the most probable class first', () => {
    for (const { probabilities, quantile, sets } of reference.sets)
      expect(probabilities.map((ofRow) => adaptiveSet(ofRow, quantile))).toEqual(sets);
  });

  it('should answer intervals of the width of their bin, or of one width', () => {
    const { spread, answers, quantile, lower, upper } = reference.intervals;
    const found = answers.map((answer) => intervalAround(answer, quantile, spread));
    expect(found).toEqual(answers.map((_, at) => ({ lower: lower[at], upper: upper[at] })));
    expect(intervalAround(3, 2, null)).toEqual({ lower: 1, upper: 5 });
  });

  it('should measure each threshold as scikit-learn does', () => {
    const { curve, points } = reference.thresholds;
    const found = pointsOf(curve);
    expect(found).toHaveLength(points.length);
    for (const [at, point] of found.entries()) {
      const { precision, ...others } = points[at]!;
      expect(point.precision === null).toBe(precision === null);
      if (precision !== null) expect(point.precision).toBeCloseTo(precision, 12);
      for (const [name, value] of Object.entries(others))
        expect(point[name as keyof ThresholdPoint]).toBeCloseTo(value!, 12);
    }
  });

  const atLeast = (value: number | null, least: number) => value !== null && value >= least;
  it.each<[ThresholdChoice, (point: ThresholdPoint, cost: number) => number]>([
    [{ metric: 'f1' }, ({ f1 }) => f1],
    [{ metric: 'youden' }, ({ recall, false_positive_rate }) => recall - false_positive_rate],
    [{ metric: 'cost', false_positive: 1, false_negative: 7 }, (_, cost) => -cost],
    [
      { metric: 'precision', at_recall: 0.7 },
      ({ precision, recall }) => (recall >= 0.7 ? (precision ?? -1) : -1),
    ],
    [
      { metric: 'recall', at_precision: 0.6 },
      ({ precision, recall }) => (atLeast(precision, 0.6) ? recall : -1),
    ],
  ])('should choose the best threshold for %j', (choice, worth) => {
    const { curve, points, costs } = reference.thresholds;
    const worths = points.map((point, at) => worth(point, costs[at]!));
    const found = chooseThreshold(curve, choice)!;
    expect(worth(found, costs[curve.thresholds.indexOf(found.threshold)]!)).toBeCloseTo(
      Math.max(...worths),
      12,
    );
  });

  it('should answer no row with the second class where that costs too much, and none where nothing is so precise', () => {
    const { curve } = reference.thresholds;
    const costly = chooseThreshold(curve, { metric: 'cost', false_positive: 1e6, false_negative: 1 });
    expect(costly!.false_positive_rate).toBe(0);
    const worse = { ...curve, false_positives: curve.false_positives.map((rows) => rows + 1) };
    expect(chooseThreshold(worse, { metric: 'recall', at_precision: 1 })).toBeUndefined();
  });
});
