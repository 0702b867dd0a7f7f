import type {
  ClassificationOutput,
  RegressionOutput,
  SignatureDefinition,
  SignatureInput,
} from '../signature-definition.js';

/** The members of an ensemble cannot answer together. */
export class MembersDisagree extends Error {
  constructor(
    /** Index of the member that does not go with those before it. */
    readonly member: number,
    message: string,
  ) {
    super(message);
  }
}

/** Of several tensors that one feature feeds, the first of these holds the fewest values: it decides which fit. */
const NARROWEST_FIRST = ['bool', 'int32', 'float32', 'int64', 'float64', 'string'] as const;

/**
 * What a request to an ensemble holds: every feature of any member, of values that all members take that have it. Classes
 * are in the order of the first member. No graph is fed by this signature, so its tensors are only names.
 * @throws MembersDisagree for members of different tasks, classes, or types of a feature
 */
export function unionSignature(members: readonly SignatureDefinition[]): SignatureDefinition {
  const [first] = members as [SignatureDefinition];
  members.forEach((member, at) => {
    const why = differenceOfOutputs(first.output, member.output);
    if (why) throw new MembersDisagree(at, why);
  });
  const inputs = new Map<string, SignatureInput>();
  members.forEach((member, at) => {
    for (const input of member.inputs) {
      const known = inputs.get(input.name);
      inputs.set(input.name, known ? meet(known, input, at) : asInput(input));
    }
  });
  const ignored = new Set(members.flatMap((member) => member.ignored).filter((name) => !inputs.has(name)));
  return {
    signature_version: 1,
    target: members.every(({ target }) => target === first.target) ? first.target : null,
    inputs: Array.from(inputs.values(), withTensors),
    ignored: [...ignored],
    output:
      first.output.type === 'regression'
        ? ({ type: 'regression', value_tensor: 'value' } satisfies RegressionOutput)
        : ({
            type: 'classification',
            labels: first.output.labels,
            label_tensor: 'label',
            probabilities_tensor: 'probabilities',
          } satisfies ClassificationOutput),
  };
}

/** Why two outputs are not of one task and the same classes, whatever their order; undefined where they are. */
export function differenceOfOutputs(
  expected: SignatureDefinition['output'],
  actual: SignatureDefinition['output'],
): string | undefined {
  if (expected.type === 'regression' || actual.type === 'regression')
    return expected.type === actual.type
      ? undefined
      : `is a ${actual.type} among members of ${expected.type}`;
  const known = new Set(expected.labels);
  const isSame = actual.labels.length === known.size && actual.labels.every((label) => known.has(label));
  return isSame
    ? undefined
    : `has the classes ${shown(actual.labels)}, and those before it have ${shown(expected.labels)}`;
}

function shown(labels: readonly unknown[]): string {
  return `${labels
    .slice(0, 5)
    .map((label) => JSON.stringify(label))
    .join(', ')}${labels.length > 5 ? ', …' : ''}`;
}

function asInput({
  name,
  type,
  tensor,
  dtype,
  nullable,
  categories,
  parts,
  reading,
}: SignatureInput): SignatureInput {
  return { name, type, tensor, dtype, nullable, categories, ...(parts && { parts }), ...howRead(reading) };
}

/** Of how a column is read only what requests in JSON need. */
function howRead(reading: SignatureInput['reading']): Pick<SignatureInput, 'reading'> {
  const { from, may_be_absent } = reading ?? {};
  if (!from && !may_be_absent) return {};
  return { reading: { ...(from && { from }), ...(may_be_absent && { may_be_absent }) } };
}

/** A feature of which every value fits both inputs. */
function meet(a: SignatureInput, b: SignatureInput, member: number): SignatureInput {
  const type = a.type === b.type ? a.type : isNumber(a) && isNumber(b) ? 'integer' : undefined;
  if (type === undefined) {
    const why = `takes the feature '${a.name}' as ${b.type}, and a member before it as ${a.type}`;
    throw new MembersDisagree(member, why);
  }
  const from = a.reading?.from === b.reading?.from ? a.reading?.from : undefined;
  const mayBeAbsent = a.reading?.may_be_absent && b.reading?.may_be_absent;
  return {
    name: a.name,
    type,
    tensor: a.tensor,
    dtype: NARROWEST_FIRST.find((dtype) => dtype === a.dtype || dtype === b.dtype)!,
    nullable: a.nullable && b.nullable,
    categories: a.categories && b.categories && [...new Set([...a.categories, ...b.categories])],
    ...(a.parts && { parts: a.parts }),
    ...howRead({ from, may_be_absent: mayBeAbsent }),
  };
}

function isNumber({ type }: SignatureInput): boolean {
  return type === 'number' || type === 'integer';
}

/** Members may have given two features tensors of one name. */
function withTensors(input: SignatureInput, at: number): SignatureInput {
  const tensor = `feature_${at}`;
  const parts = input.parts?.map(({ part }) => ({ part, tensor: `${tensor}_${part}` }));
  return { ...input, tensor, ...(parts && { parts }) };
}
