import type { Answers } from '../answers.js';

/**
 * Where values stand among those that a model gave to rows it was not fitted to: knots of a rising line from rank 0 to
 * rank 1. Both lists ascend strictly.
 */
export interface RankScale {
  readonly values: readonly number[];
  readonly ranks: readonly number[];
}

/**
 * Of a binary classification: the weighted mean rank of the second class's probabilities, and what is left of 1 for the
 * first; [rows][classes].
 * @param scales one a member
 */
export function rankedProbabilities(
  scales: readonly RankScale[],
  answers: readonly Answers[],
  weights: readonly number[],
): number[][] {
  return answers[0]!.predictions.map((_, row) => {
    const second = meanRank(scales, weights, (member) => answers[member]!.probabilities![row]![1]!);
    return [1 - second, second];
  });
}

/** Of a regression: the weighted mean of the members' values of the weighted mean rank. @param scales one a member */
export function rankedValues(
  scales: readonly RankScale[],
  answers: readonly Answers[],
  weights: readonly number[],
): number[] {
  return answers[0]!.predictions.map((_, row) => {
    const rank = meanRank(scales, weights, (member) => Number(answers[member]!.predictions[row]));
    return scales.reduce(
      (sum, { values, ranks }, member) => sum + weights[member]! * interpolated(rank, ranks, values),
      0,
    );
  });
}

function meanRank(
  scales: readonly RankScale[],
  weights: readonly number[],
  valueOf: (member: number) => number,
): number {
  return scales.reduce(
    (sum, { values, ranks }, member) => sum + weights[member]! * interpolated(valueOf(member), values, ranks),
    0,
  );
}

/** A line through (from, to), level before the first point and behind the last one. @param from ascends strictly */
function interpolated(value: number, from: readonly number[], to: readonly number[]): number {
  let below = 0;
  let above = from.length - 1;
  if (value <= from[below]!) return to[below]!;
  if (value >= from[above]!) return to[above]!;
  while (above - below > 1) {
    const middle = (below + above) >> 1;
    if (from[middle]! <= value) below = middle;
    else above = middle;
  }
  const slope = (to[above]! - to[below]!) / (from[above]! - from[below]!);
  return to[below]! + slope * (value - from[below]!);
}
