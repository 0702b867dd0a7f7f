import type { SignatureDefinition, SignatureInput } from '#libs/inference';
import { isCompatible } from './signature-compatibility.js';

const input = (name: string, change: Partial<SignatureInput> = {}): SignatureInput => ({
  name,
  type: 'number',
  tensor: name,
  dtype: 'float32',
  nullable: false,
  categories: null,
  ...change,
});

const classification = (...labels: (string | number | boolean)[]): SignatureDefinition['output'] => ({
  type: 'classification',
  labels,
  label_tensor: 'label',
  probabilities_tensor: 'probabilities',
});

const REGRESSION: SignatureDefinition['output'] = { type: 'regression', value_tensor: 'value' };

const signature = (change: Partial<SignatureDefinition> = {}): SignatureDefinition => ({
  signature_version: 1,
  target: 'y',
  inputs: [input('a'), input('b')],
  ignored: ['id'],
  output: classification(0, 1),
  ...change,
});

describe('isCompatible', () => {
  it.each<[string, Partial<SignatureDefinition>]>([
    ['nothing changed', {}],
    ['features change places', { inputs: [input('b'), input('a')] }],
    ['a feature may now be null', { inputs: [input('a', { nullable: true }), input('b')] }],
    ['a feature is now ignored', { inputs: [input('a')], ignored: ['id', 'b'] }],
    ['tensors have other names', { inputs: [input('a', { tensor: 'x' }), input('b', { tensor: 'y' })] }],
    ['one more column is ignored', { ignored: ['id', 'extra'] }],
    ['the target has another name', { target: 'z' }],
  ])('should hold where %s', (_, change) => {
    expect(isCompatible(signature(), signature(change))).toBe(true);
  });

  it.each<[string, Partial<SignatureDefinition>]>([
    ['a feature is gone', { inputs: [input('a')] }],
    ['a feature is new', { inputs: [input('a'), input('b'), input('c')] }],
    ['a feature that was ignored is needed', { inputs: [input('a'), input('b'), input('id')], ignored: [] }],
    ['a feature has another type', { inputs: [input('a', { type: 'integer' }), input('b')] }],
    ['an ignored column is refused', { ignored: [] }],
    ['a label is new', { output: classification(0, 1, 2) }],
    ['labels change places', { output: classification(1, 0) }],
    ['labels are texts', { output: classification('0', '1') }],
    ['a number is answered', { output: REGRESSION }],
  ])('should not hold where %s', (_, change) => {
    expect(isCompatible(signature(), signature(change))).toBe(false);
  });

  it('should not hold where a feature may no longer be null', () => {
    const before = signature({ inputs: [input('a', { nullable: true }), input('b')] });
    expect(isCompatible(before, signature())).toBe(false);
  });

  it('should hold where booleans become numbers of 0 and 1, and not where they become other numbers', () => {
    const before = signature({ inputs: [input('a', { type: 'boolean' })] });
    const after = (change: Partial<SignatureInput>) => signature({ inputs: [input('a', change)] });
    expect(isCompatible(before, after({ type: 'integer', reading: { from: 'boolean' } }))).toBe(true);
    expect(isCompatible(before, after({ reading: { from: 'boolean' } }))).toBe(true);
    expect(isCompatible(before, after({ type: 'integer' }))).toBe(false);
    expect(isCompatible(before, after({ type: 'string', reading: { from: 'boolean' } }))).toBe(false);
    expect(isCompatible(after({ type: 'integer', reading: { from: 'boolean' } }), before)).toBe(false);
  });

  it('should hold between two regressions', () => {
    expect(isCompatible(signature({ output: REGRESSION }), signature({ output: REGRESSION }))).toBe(true);
  });
});
