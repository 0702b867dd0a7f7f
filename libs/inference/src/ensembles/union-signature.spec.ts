import { compileSignature } from '../signature.js';
import type { SignatureDefinition, SignatureInput } from '../signature-definition.js';
import { fitMember, rowsOf } from './member-fit.js';
import { unionSignature } from './union-signature.js';

const number = (name: string, more: Partial<SignatureInput> = {}): SignatureInput => ({
  ...{ name, type: 'number', tensor: name, dtype: 'float32', nullable: true, categories: null },
  ...more,
});
const text = (name: string, categories: string[]): SignatureInput =>
  number(name, { type: 'string', dtype: 'string', categories });

function signature(inputs: SignatureInput[], labels: (string | number)[] = [0, 1], ignored: string[] = []) {
  const output = {
    type: 'classification',
    labels,
    label_tensor: 'label',
    probabilities_tensor: 'p',
  } as const;
  return { signature_version: 1, target: 'y', inputs, ignored, output } satisfies SignatureDefinition;
}

const fitOf = (member: SignatureDefinition, ensemble: SignatureDefinition) => {
  const fit = fitMember(member, ensemble, 'voting_soft');
  if (typeof fit === 'string') throw new Error(fit);
  return fit;
};

describe('the signature of an ensemble', () => {
  it('should have every feature of any member, and take what all take that have it', () => {
    const union = unionSignature([
      signature([number('a'), text('plan', ['x', 'y'])], [0, 1], ['id', 'b']),
      signature([number('b', { type: 'integer', nullable: false, tensor: 'a' }), text('plan', ['y', 'z'])]),
      signature([number('a', { type: 'integer', nullable: false, dtype: 'int64' })], [1, 0]),
    ]);
    expect(union.inputs).toMatchObject([
      { name: 'a', type: 'integer', nullable: false, dtype: 'float32' },
      { name: 'plan', type: 'string', categories: ['x', 'y', 'z'] },
      { name: 'b', type: 'integer', nullable: false },
    ]);
    expect(union.ignored).toEqual(['id']);
    expect(union.output).toMatchObject({ labels: [0, 1] });
    expect(() => compileSignature(union)).not.toThrow();
  });

  it.each<[string, SignatureDefinition, RegExp]>([
    [
      'another task',
      { ...signature([number('a')]), output: { type: 'regression', value_tensor: 'v' } },
      /is a regression/,
    ],
    ['other classes', signature([number('a')], [0, 2]), /has the classes 0, 2/],
    ['classes of another type', signature([number('a')], ['0', '1']), /has the classes "0", "1"/],
    ['fewer classes', signature([number('a')], [0]), /has the classes 0, and/],
    ['a feature of another type', signature([text('a', [])]), /takes the feature 'a' as string/],
  ])('should not be made of members of %s', (_, other, message) => {
    const members = [signature([number('a')]), signature([number('b')]), other];
    expect(() => unionSignature(members)).toThrow(message);
    expect(() => unionSignature(members)).toThrow(expect.objectContaining({ member: 2 }) as Error);
  });

  it('should give each member the features that it knows, and its classes their places', () => {
    const members = [signature([number('a'), number('b')], [0, 1], ['id']), signature([number('b')], [1, 0])];
    const union = unionSignature(members);
    const rows = [{ a: 1, b: 2, id: 3, other: 4 }, null, [5]];
    const [first, second] = members.map((member) => fitOf(member, union));
    expect(first).toEqual({ foreign: null, order: null });
    expect(second!.order).toEqual([1, 0]);
    expect(rowsOf(first!, rows)).toBe(rows);
    expect(rowsOf(second!, rows)).toEqual([{ b: 2, other: 4 }, null, [5]]);
  });

  it.each<[string, SignatureDefinition, RegExp]>([
    ['a new feature', signature([number('z')]), /needs the feature 'z'/],
    ['other classes', signature([number('a')], [0, 1, 2]), /has the classes/],
    ['another type', signature([text('a', [])]), /takes the feature 'a' as string and not as number/],
    ['a narrower type', signature([number('a', { type: 'integer' })]), /as integer and not as number/],
    ['no missing value', signature([number('a', { nullable: false })]), /takes no missing value/],
  ])('should not fit a version with %s', (_, member, message) => {
    expect(fitMember(member, unionSignature([signature([number('a')])]), 'voting_soft')).toMatch(message);
  });

  it('should not fit a version without probabilities where these are what is combined', () => {
    const member = signature([number('a')]);
    const labelsOnly = { ...member, output: { ...member.output, probabilities_tensor: null } };
    const union = unionSignature([member]);
    expect(fitMember(labelsOnly, union, 'voting_soft')).toMatch(/answers no probabilities/);
    expect(fitMember(labelsOnly, union, 'voting_hard')).toEqual({ foreign: null, order: null });
  });
});
