import type { ExplanationBody } from './explanation.dto.js';

/** How one member of an ensemble came to its answers, and the share that they have in the ensemble's. */
export interface MemberExplanations {
  readonly share: number;
  /** One a row. */
  readonly explanations: readonly ExplanationBody[];
}

/**
 * Explains the weighted mean of models by the weighted mean of their explanations: Shapley values are linear in the game
 * (Shapley 1953), and so is the value function in the model. A feature that a member does not have adds nothing to its
 * answer. Each member's sampling is independent, so that variances add up.
 * @param names of the features of the ensemble
 * @returns one a row
 */
export function weightedExplanations(
  members: readonly MemberExplanations[],
  names: readonly string[],
): ExplanationBody[] {
  const [{ explanations: first }] = members as [MemberExplanations];
  return first.map(({ class: label }, row) => {
    const ofRow = members.map(({ share, explanations }) => ({ share, explained: explanations[row]! }));
    const sum = (term: (share: number, explained: ExplanationBody) => number) =>
      ofRow.reduce((total, { share, explained }) => total + term(share, explained), 0);
    const byName = (value: (name: string) => number) =>
      Object.fromEntries(names.map((name) => [name, value(name)]));
    return {
      ...(label !== undefined && { class: label }),
      base_value: sum((share, { base_value }) => share * base_value),
      contributions: byName((name) => sum((share, { contributions }) => share * (contributions[name] ?? 0))),
      standard_error: byName((name) =>
        Math.sqrt(sum((share, { standard_error }) => (share * (standard_error[name] ?? 0)) ** 2)),
      ),
      samples: sum((_, { samples }) => samples),
      exact: ofRow.every(({ explained }) => explained.exact),
    };
  });
}
