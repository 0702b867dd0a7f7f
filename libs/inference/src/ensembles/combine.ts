import { type Answers, indexOfLargest } from '../answers.js';
import type { Label } from '../signature-definition.js';
import { rankedProbabilities, rankedValues, type RankScale } from './rank.js';
import { type MetaModel, stackedProbabilities, stackedValues } from './stacking.js';

/**
 * How answers become one. Voting is that of scikit-learn's VotingClassifier: `voting_soft` takes the class whose weighted
 * mean probability is largest, `voting_hard` the one with the largest weight of votes, and the first class of those that
 * are tied, also where only rounding parts them. `averaging` is the weighted mean of values, as of VotingRegressor.
 * `stacking` asks a model over the members' probabilities or values, `rank` takes the mean of their ranks.
 */
export type CombiningMethod = 'voting_soft' | 'voting_hard' | 'averaging' | 'stacking' | 'rank';

export interface Combination {
  readonly method: CombiningMethod;
  /** Of `stacking`. */
  readonly meta?: MetaModel;
}

/**
 * @param labels classes in the order of all probabilities; empty for a regression
 * @param answers of the members, at least one, of the same rows; for `stacking` of all members
 * @param weights one a member, which sum to 1; `stacking` has no use for them
 * @param scales of `rank`: one a member
 * @returns of `voting_hard` the shares of the votes as probabilities
 */
export function combineAnswers(
  combination: Combination,
  labels: readonly Label[],
  answers: readonly Answers[],
  weights: readonly number[],
  scales: readonly RankScale[] = [],
): Answers {
  if (labels.length === 0) return { predictions: valuesOf(combination, answers, weights, scales) };
  const probabilities = probabilitiesOf(combination, labels, answers, weights, scales);
  const indexes = probabilities.map(indexOfLargest);
  return {
    predictions: indexes.map((index) => labels[index]!),
    probabilities,
    confidences: indexes.map((index, row) => probabilities[row]![index]!),
  };
}

function valuesOf(
  { method, meta }: Combination,
  answers: readonly Answers[],
  weights: readonly number[],
  scales: readonly RankScale[],
): number[] {
  switch (method) {
    case 'stacking':
      return stackedValues(meta!, answers);
    case 'rank':
      return rankedValues(scales, answers, weights);
    default:
      return weightedMean(answers, weights);
  }
}

function probabilitiesOf(
  { method, meta }: Combination,
  labels: readonly Label[],
  answers: readonly Answers[],
  weights: readonly number[],
  scales: readonly RankScale[],
): number[][] {
  switch (method) {
    case 'stacking':
      return stackedProbabilities(meta!, answers);
    case 'rank':
      return rankedProbabilities(scales, answers, weights);
    case 'voting_hard':
      return shares(labels, answers, weights);
    default:
      return meanProbabilities(answers, weights);
  }
}

/** Answers with their probabilities in another order. @param order for each class its place in the answers */
export function reorderClasses(answers: Answers, order: readonly number[] | null): Answers {
  const { probabilities } = answers;
  if (!order || !probabilities) return answers;
  return { ...answers, probabilities: probabilities.map((ofRow) => order.map((place) => ofRow[place]!)) };
}

/**
 * How far the members are apart, one number a row: the standard deviation over the members of their values, or of the
 * probability that they give the class which the ensemble predicts. Where members answer no probabilities, a vote for that
 * class counts as 1 and another as 0. A member that has no answer for a row is left out of it.
 */
export function disagreement(
  labels: readonly Label[],
  members: readonly Answers[],
  predictions: readonly Label[],
): number[] {
  const places = new Map(labels.map((label, at) => [label, at]));
  return predictions.map((prediction, row) => {
    const asked = members.filter((member) => member.predictions[row] !== undefined);
    const values = asked.map(({ predictions: own, probabilities }) => {
      if (labels.length === 0) return Number(own[row]);
      return probabilities ? probabilities[row]![places.get(prediction)!]! : Number(own[row] === prediction);
    });
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  });
}

function weightedMean(answers: readonly Answers[], weights: readonly number[]): number[] {
  return answers[0]!.predictions.map((_, row) => {
    let sum = 0;
    for (let at = 0; at < answers.length; at++) sum += weights[at]! * Number(answers[at]!.predictions[row]);
    return sum;
  });
}

function meanProbabilities(answers: readonly Answers[], weights: readonly number[]): number[][] {
  return answers[0]!.probabilities!.map((first, row) => {
    const sums = new Array<number>(first.length);
    for (let label = 0; label < first.length; label++) {
      let sum = 0;
      for (let at = 0; at < answers.length; at++)
        sum += weights[at]! * answers[at]!.probabilities![row]![label]!;
      sums[label] = sum;
    }
    return sums;
  });
}

function shares(
  labels: readonly Label[],
  answers: readonly Answers[],
  weights: readonly number[],
): number[][] {
  const places = new Map(labels.map((label, at) => [label, at]));
  return answers[0]!.predictions.map((_, row) => {
    const sums = new Array<number>(labels.length).fill(0);
    for (let at = 0; at < answers.length; at++)
      sums[places.get(answers[at]!.predictions[row]!)!]! += weights[at]!;
    return sums;
  });
}
