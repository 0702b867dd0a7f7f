import type { SignatureDefinition } from '#libs/inference';

/** Whether every request that fitted `before` fits `after`, and is answered in the same terms. */
export function isCompatible(before: SignatureDefinition, after: SignatureDefinition): boolean {
  const inputs = new Map(after.inputs.map((input) => [input.name, input]));
  const accepted = new Set([...inputs.keys(), ...after.ignored]);
  return (
    before.inputs.every(({ name, type, nullable }) => {
      const input = inputs.get(name);
      return input ? takes(input.type, type) && (input.nullable || !nullable) : accepted.has(name);
    }) &&
    after.inputs.every(({ name }) => before.inputs.some((input) => input.name === name)) &&
    before.ignored.every((name) => accepted.has(name)) &&
    sameAnswers(before.output, after.output)
  );
}

/** Every integer is a number. */
function takes(after: string, before: string): boolean {
  return after === before || (after === 'number' && before === 'integer');
}

function sameAnswers(before: SignatureDefinition['output'], after: SignatureDefinition['output']): boolean {
  if (before.type === 'regression' || after.type === 'regression') return before.type === after.type;
  return JSON.stringify(before.labels) === JSON.stringify(after.labels);
}
