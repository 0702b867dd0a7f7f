import type { SignatureDefinition } from '#libs/inference';

/** Whether every request that fitted `before` fits `after`, and is answered in the same terms. */
export function isCompatible(before: SignatureDefinition, after: SignatureDefinition): boolean {
  const inputs = new Map(after.inputs.map((input) => [input.name, input]));
  const accepted = new Set([...inputs.keys(), ...after.ignored]);
  return (
    before.inputs.every(({ name, type, nullable }) => {
      const input = inputs.get(name);
      return input ? input.type === type && (input.nullable || !nullable) : accepted.has(name);
    }) &&
    after.inputs.every(({ name }) => before.inputs.some((input) => input.name === name)) &&
    before.ignored.every((name) => accepted.has(name)) &&
    sameAnswers(before.output, after.output)
  );
}

function sameAnswers(before: SignatureDefinition['output'], after: SignatureDefinition['output']): boolean {
  if (before.type === 'regression' || after.type === 'regression') return before.type === after.type;
  return JSON.stringify(before.labels) === JSON.stringify(after.labels);
}
