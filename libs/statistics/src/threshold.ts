/** What was counted on labelled rows of two classes, by the probability from which on the second is answered; [points]. */
export interface ThresholdCurve {
  /** Rows of the second class; at least one. */
  readonly positives: number;
  /** Rows of the first class; at least one. */
  readonly negatives: number;
  /** Descending. */
  readonly thresholds: readonly number[];
  /** Rows of the second class with at least that probability. */
  readonly true_positives: readonly number[];
  /** Rows of the first class with at least that probability. */
  readonly false_positives: readonly number[];
}

/** The second class is answered from `threshold` on. */
export interface ThresholdPoint {
  readonly threshold: number;
  /** null where no row is answered with the second class. */
  readonly precision: number | null;
  readonly recall: number;
  readonly f1: number;
  readonly false_positive_rate: number;
}

/** What a threshold is chosen for. */
export type ThresholdChoice =
  | { readonly metric: 'f1' | 'youden' }
  /** What a row costs that is answered wrongly; a right answer costs nothing. */
  | { readonly metric: 'cost'; readonly false_positive: number; readonly false_negative: number }
  | { readonly metric: 'precision'; readonly at_recall: number }
  | { readonly metric: 'recall'; readonly at_precision: number };

/** The points of a curve, in its order. */
export function pointsOf(curve: ThresholdCurve): ThresholdPoint[] {
  return curve.thresholds.map((_, at) => pointAt(curve, at));
}

/**
 * The point of the curve that is best for a choice: the highest F1 (van Rijsbergen 1979), the highest recall less false
 * positive rate (Youden 1950), the lowest cost, or the highest precision (recall) among those whose recall (precision) is
 * at least so high. Of several that are equally good the one of the highest threshold.
 * @returns undefined where no point has such a precision
 */
export function chooseThreshold(curve: ThresholdCurve, choice: ThresholdChoice): ThresholdPoint | undefined {
  let best: ThresholdPoint | undefined;
  let bestWorth = -Infinity;
  for (let at = 0; at < curve.thresholds.length; at++) {
    const point = pointAt(curve, at);
    const worth = worthOf(curve, at, point, choice);
    if (worth <= bestWorth) continue;
    best = point;
    bestWorth = worth;
  }
  return best;
}

function pointAt(
  { positives, negatives, thresholds, true_positives, false_positives }: ThresholdCurve,
  at: number,
): ThresholdPoint {
  const [truePositives, falsePositives] = [true_positives[at]!, false_positives[at]!];
  const answered = truePositives + falsePositives;
  return {
    threshold: thresholds[at]!,
    precision: answered > 0 ? truePositives / answered : null,
    recall: truePositives / positives,
    f1: (2 * truePositives) / (answered + positives),
    false_positive_rate: falsePositives / negatives,
  };
}

/** How good a point is for a choice; -Infinity where it does not fit. */
function worthOf(
  { positives, true_positives, false_positives }: ThresholdCurve,
  at: number,
  { precision, recall, f1, false_positive_rate }: ThresholdPoint,
  choice: ThresholdChoice,
): number {
  switch (choice.metric) {
    case 'f1':
      return f1;
    case 'youden':
      return recall - false_positive_rate;
    case 'cost':
      return (
        -choice.false_positive * false_positives[at]! -
        choice.false_negative * (positives - true_positives[at]!)
      );
    case 'precision':
      return precision !== null && recall >= choice.at_recall ? precision : -Infinity;
    case 'recall':
      return precision !== null && precision >= choice.at_precision ? recall : -Infinity;
  }
}
