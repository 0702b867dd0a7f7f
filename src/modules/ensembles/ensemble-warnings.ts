import type { EnsembleVersion, FoundMember } from '../models/ensemble-versions.service.js';
import type { EnsembleMember } from '../models/model.entity.js';

const MOST_NAMES_TOLD = 5;

/** A member with what answers for it now, or why nothing does. */
export interface MemberNow {
  readonly member: EnsembleMember;
  readonly found?: FoundMember;
  readonly problem: string | null;
}

/** What the maker of an ensemble should know of its members as they are now. */
export function warningsOf(
  members: readonly MemberNow[],
  { definition, signature, fit, jobId }: EnsembleVersion,
): string[] {
  const warnings: string[] = [];
  if (!signature)
    warnings.push(
      `it answers nothing until ${jobId ?? 'a fit'} has learned how its members count; where that fails, post another table to its /fit`,
    );
  const answering = new Map<string, number>();
  if (definition.method === 'rank' && signature?.output.type === 'classification')
    warnings.push(
      'its probabilities are mean ranks: 0.5 is the middle of what the models gave to held-out rows, and no even chance; set a threshold for its classes',
    );
  members.forEach(({ member, found, problem }, at) => {
    if (problem !== null) warnings.push(`model ${at} does not answer: ${problem}`);
    if (!found || problem !== null) return;
    const { servable, name } = found;
    const key = `${servable.modelId} ${servable.version}`;
    const before = answering.get(key);
    if (before === undefined) answering.set(key, at);
    else warnings.push(`models ${before} and ${at} are both answered by '${name}' ${servable.version} now`);
    if (member.weight === 0) warnings.push(`'${name}' has the weight 0: it is asked, and counts for nothing`);
    const learned = fit?.evaluation.members[at]?.version ?? servable.version;
    if (learned !== servable.version)
      warnings.push(
        `'${name}' is answered by ${servable.version} now, and how much it counts was learned with ${learned}: fit the ensemble again`,
      );
    if (!signature) return;
    const own = new Set(servable.signature.inputs.map((input) => input.name));
    const lacking = signature.inputs.map((input) => input.name).filter((feature) => !own.has(feature));
    if (lacking.length === 0) return;
    const named = lacking.slice(0, MOST_NAMES_TOLD).join(', ');
    const more = lacking.length > MOST_NAMES_TOLD ? ` and ${lacking.length - MOST_NAMES_TOLD} more` : '';
    warnings.push(`'${name}' does not use ${named}${more}, which every request must hold for the others`);
  });
  return warnings;
}
