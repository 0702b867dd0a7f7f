import type { SignatureDefinition, SignatureInput } from '../signature-definition.js';
import type { CombiningMethod } from './combine.js';
import { differenceOfOutputs } from './union-signature.js';

/** How a version answers within an ensemble. */
export interface MemberFit {
  /** Names that requests may hold and this member does not take; null where there is none. */
  readonly foreign: ReadonlySet<string> | null;
  /** For each class of the ensemble its place among the member's; null where the order is the same. */
  readonly order: readonly number[] | null;
}

/**
 * Whether a version can answer what the ensemble is asked, in the ensemble's classes.
 * @returns why not, as the end of a sentence about the version
 */
export function fitMember(
  member: SignatureDefinition,
  ensemble: SignatureDefinition,
  method: CombiningMethod,
): MemberFit | string {
  const difference = differenceOfOutputs(ensemble.output, member.output);
  if (difference) return difference;
  if (!answersEnough(member, method)) return `answers no probabilities, which ${method} needs`;
  const asked = new Map(ensemble.inputs.map((input) => [input.name, input]));
  for (const input of member.inputs) {
    const given = asked.get(input.name);
    if (!given) return `needs the feature '${input.name}', which the ensemble does not have`;
    const why = refusal(input, given);
    if (why) return `${why}, which the ensemble allows`;
  }
  const own = new Set(member.inputs.map(({ name }) => name));
  const ignored = new Set(member.ignored);
  const foreign = [
    ...ensemble.inputs.map(({ name }) => name).filter((name) => !own.has(name)),
    ...ensemble.ignored.filter((name) => !own.has(name) && !ignored.has(name)),
  ];
  return { foreign: foreign.length > 0 ? new Set(foreign) : null, order: orderOf(member, ensemble) };
}

/** Whether a member's answers have what the method makes one of. */
export function answersEnough({ output }: SignatureDefinition, method: CombiningMethod): boolean {
  return method === 'voting_hard' || output.type === 'regression' || output.probabilities_tensor !== null;
}

/** The rows without what the member does not know. What is no object is left for the member to refuse. */
export function rowsOf({ foreign }: MemberFit, rows: readonly unknown[]): readonly unknown[] {
  if (!foreign) return rows;
  return rows.map((row) =>
    typeof row === 'object' && row !== null && !Array.isArray(row)
      ? Object.fromEntries(Object.entries(row).filter(([name]) => !foreign.has(name)))
      : row,
  );
}

/** Why a member does not take every value that the ensemble takes for a feature. */
function refusal(input: SignatureInput, given: SignatureInput): string | undefined {
  const { name, type, reading } = input;
  const takes = type === given.type || (type === 'number' && given.type === 'integer');
  if (!takes) return `takes the feature '${name}' as ${type} and not as ${given.type}`;
  if (given.nullable && !input.nullable) return `takes no missing value of the feature '${name}'`;
  if (given.reading?.may_be_absent && !reading?.may_be_absent)
    return `takes no row without the feature '${name}'`;
  return undefined;
}

function orderOf(member: SignatureDefinition, ensemble: SignatureDefinition): number[] | null {
  if (ensemble.output.type === 'regression' || member.output.type === 'regression') return null;
  const { labels } = member.output;
  const order = ensemble.output.labels.map((label) => labels.indexOf(label));
  return order.every((place, at) => place === at) ? null : order;
}
