import { disagreement, type Predictions } from '#libs/inference';
import type { EnsembleOutcome, ServableVersion } from '../serving/serving.service.js';
import type { PredictRequest } from './predict-request.js';
import type { MemberAnswerBody, PredictionBody } from './predictions.dto.js';

type MemberOutcome = EnsembleOutcome['members'][number];

/** What a prediction says of the members of an ensemble. */
export function ensembleAnswer(
  { signature: { output } }: ServableVersion,
  { predictions }: Predictions,
  { members, asked }: EnsembleOutcome,
  { single, returnMembers }: PredictRequest,
): Pick<PredictionBody, 'members' | 'members_asked' | 'disagreement'> {
  const cascade = asked && { members_asked: single ? asked[0]! : [...asked] };
  if (!returnMembers) return { members: members.map(stateOf), ...cascade };
  const labels = output.type === 'classification' ? output.labels : [];
  const answers = members.flatMap((member) => member.answers ?? []);
  const apart = disagreement(labels, answers, predictions);
  return { members: members.map(stateAndAnswerOf), ...cascade, disagreement: single ? apart[0]! : apart };
}

/** What the log keeps of the members: without their answers. */
export function loggedEnsemble({ members, asked }: EnsembleOutcome): object {
  return { members: members.map(stateOf), ...(asked && { members_asked: asked }) };
}

/**
 * How many rows the models of an ensemble were asked for a request of so many, all the way down. A cascade asks each for
 * some of them only.
 */
export function rowsAsked({ members, asked }: EnsembleOutcome, rows: number): number {
  let total = asked ? asked.reduce((sum, models) => sum + models, 0) : members.length * rows;
  for (const { within, answers } of members) {
    if (!within || !answers) continue;
    // A cascade leaves holes where a member was not asked, which `reduce` passes over.
    const ofMember = answers.predictions.reduce<number>((count) => count + 1, 0);
    total += rowsAsked(within, ofMember) - ofMember;
  }
  return total;
}

function stateOf({ member, servable, share, failure }: MemberOutcome): MemberAnswerBody {
  return {
    model_id: member.model_id,
    version: servable?.version ?? member.version,
    status: servable ? 'answered' : failure ? 'failed' : 'not_asked',
    weight: share,
    ...(failure && { error: failure }),
  };
}

function stateAndAnswerOf(outcome: MemberOutcome): MemberAnswerBody {
  const { answers } = outcome;
  const { probabilities } = answers ?? {};
  return {
    ...stateOf(outcome),
    ...(answers && { prediction: answers.predictions }),
    ...(probabilities && { probabilities }),
  };
}
