import type { Predictions } from '#libs/inference';
import { adaptiveSet, highestCoverage, intervalAround, quantileOf, type Spread } from '#libs/statistics';
import { unfit } from '../../platform/errors/problem.js';
import type { ServableVersion } from '../serving/serving.service.js';
import type { PredictionBody } from './predictions.dto.js';

const SEEN_BY = {
  early_stopping:
    'coverage may be a little below what was asked: the rows that calibrated this version also decided when its training stopped',
  training:
    'coverage is below what was asked: this version was trained on rows that calibrated it; calibrate it on others',
};

/** What decides how wide the intervals or sets of a version are. */
interface Width {
  readonly quantile: number;
  readonly spread: Spread | null;
  /** What to know of the coverage. */
  readonly warnings: readonly string[];
}

/** How sure a version is of its answers, as a reply tells it. */
interface Certainty {
  readonly answer: Pick<PredictionBody, 'interval' | 'prediction_set' | 'coverage'>;
  readonly warnings: readonly string[];
}

/**
 * @param pointer the field of the request that asks for them
 * @throws Problem 422 where the version was never calibrated, or on too few rows for such a coverage
 */
export function widthOf(
  { calibration, origin, modelId, version }: ServableVersion,
  coverage: number,
  pointer = '/options/return_interval',
): Width {
  if (!calibration) {
    const why = origin === 'trained' ? 'was trained before calibrations were kept' : 'was not trained here';
    throw unfit(
      pointer,
      `needs a calibration, and version ${version} has none: it ${why}; post a labelled table to /api/v1/models/${modelId}/versions/${version}/calibration`,
    );
  }
  const { scores, spread } = calibration;
  const quantile = quantileOf(scores, coverage);
  if (quantile === undefined) {
    throw unfit(
      pointer,
      `must be at most ${highestCoverage(scores)}: version ${version} was calibrated by ${scores.count} rows, which tell no more; calibrate it on more rows, or ask for less`,
    );
  }
  return { quantile, spread, warnings: calibration.seen_by.map((what) => SEEN_BY[what]) };
}

/**
 * The interval or set of each row that was scored.
 * @param single whether the answer is about one row rather than a list of them
 * @throws Problem as `widthOf`
 */
export function certaintyOf(
  servable: ServableVersion,
  { predictions, probabilities }: Predictions,
  coverage: number,
  single: boolean,
): Certainty {
  const { quantile, spread, warnings } = widthOf(servable, coverage);
  const { output } = servable.signature;
  if (output.type === 'regression') {
    const intervals = predictions.map((value) => intervalAround(Number(value), quantile, spread));
    return { answer: { interval: single ? intervals[0]! : intervals, coverage }, warnings };
  }
  const sets = probabilities!.map((ofRow) =>
    adaptiveSet(ofRow, quantile).map((index) => output.labels[index]!),
  );
  return { answer: { prediction_set: single ? sets[0]! : sets, coverage }, warnings };
}
