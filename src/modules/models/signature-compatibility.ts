import type { SignatureDefinition, SignatureInput } from '#libs/inference';

/** Whether every request that fitted `before` fits `after`, and is answered in the same terms. */
export function isCompatible(before: SignatureDefinition, after: SignatureDefinition): boolean {
  const inputs = new Map(after.inputs.map((input) => [input.name, input]));
  const accepted = new Set([...inputs.keys(), ...after.ignored]);
  return (
    before.inputs.every((input) => {
      const next = inputs.get(input.name);
      return next ? takes(next, input) && (next.nullable || !input.nullable) : accepted.has(input.name);
    }) &&
    after.inputs.every(({ name }) => before.inputs.some((input) => input.name === name)) &&
    before.ignored.every((name) => accepted.has(name)) &&
    sameAnswers(before.output, after.output)
  );
}

/** Every integer is a number, and some numbers take booleans. */
function takes(after: SignatureInput, before: SignatureInput): boolean {
  if (after.type === before.type) return true;
  if (after.type === 'number' && before.type === 'integer') return true;
  const isNumber = after.type === 'number' || after.type === 'integer';
  return before.type === 'boolean' && isNumber && after.reading?.from === 'boolean';
}

function sameAnswers(before: SignatureDefinition['output'], after: SignatureDefinition['output']): boolean {
  if (before.type === 'regression' || after.type === 'regression') return before.type === after.type;
  return JSON.stringify(before.labels) === JSON.stringify(after.labels);
}
