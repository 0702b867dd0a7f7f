import { type Answers, softmax } from '../answers.js';

/**
 * A linear model over the answers of members, as scikit-learn's StackingClassifier and StackingRegressor have it by
 * default: a logistic regression over probabilities, a ridge regression over values.
 */
export interface MetaModel {
  /**
   * A list an output: one for the second of two classes, one a class where there are more, one for a value. Each reads,
   * member after member, the probability of the second of two classes, the probabilities of all classes, or the value.
   */
  readonly coefficients: readonly (readonly number[])[];
  /** One an output. */
  readonly intercepts: readonly number[];
}

/** @param answers of the members that the model was fitted over, all of them and in their order */
export function stackedValues(meta: MetaModel, answers: readonly Answers[]): number[] {
  return answers[0]!.predictions.map((_, row) => {
    const values = answers.map(({ predictions }) => Number(predictions[row]));
    return scoresOf(meta, values)[0]!;
  });
}

/** As `stackedValues`, of a classification: [rows][classes]. */
export function stackedProbabilities(meta: MetaModel, answers: readonly Answers[]): number[][] {
  return answers[0]!.predictions.map((_, row) => {
    const read = answers.flatMap(({ probabilities }) => {
      const ofRow = probabilities![row]!;
      // The second of two probabilities says all of the first.
      return ofRow.length === 2 ? ofRow[1]! : ofRow;
    });
    const scores = scoresOf(meta, read);
    if (scores.length === 1) return logistic(scores[0]!);
    softmax(scores);
    return scores;
  });
}

function scoresOf({ coefficients, intercepts }: MetaModel, read: readonly number[]): number[] {
  return coefficients.map((ofOutput, output) =>
    ofOutput.reduce((sum, coefficient, at) => sum + coefficient * read[at]!, intercepts[output]!),
  );
}

function logistic(score: number): number[] {
  const second = 1 / (1 + Math.exp(-score));
  return [1 - second, second];
}
