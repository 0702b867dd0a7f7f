/** @jest-environment ./libs/inference/test/native-arrays-environment.mjs */
import {
  compileSignature,
  completeSignature,
  FeatureErrors,
  InvalidSignature,
  type ScannedGraph,
  SignatureIncomplete,
} from './index.js';

type Value = ScannedGraph['inputs'][number];

const value = (name: string, type: Value['type'] = 'float32', shape: Value['shape'] = [null, 1]): Value => ({
  name,
  type,
  shape,
});
const graph = (inputs: Value[], outputs: Value[] = [value('y')]): ScannedGraph => ({ inputs, outputs });

describe('the signature of a graph', () => {
  it('should name features after the inputs, of the type of their tensors', () => {
    const inputs = [value('a'), value('b', 'int64'), value('c', 'bool', [null]), value('d', 'string', null)];
    const { inputs: features, output } = completeSignature(graph(inputs), 'regression', {});
    expect(features.map(({ name, type, dtype, rank }) => [name, type, dtype, rank])).toEqual([
      ['a', 'number', 'float32', undefined],
      ['b', 'integer', 'int64', undefined],
      ['c', 'boolean', 'bool', 1],
      ['d', 'string', 'string', undefined],
    ]);
    expect(output).toEqual({ type: 'regression', value_tensor: 'y' });
  });

  it('should feed the columns of one input in the order of the names', () => {
    const packed = graph([value('x', 'float64', [null, 3])]);
    const features = [{ name: 'a' }, { name: 'b', type: 'boolean' as const }, { name: 'c', nullable: true }];
    const signature = compileSignature(completeSignature(packed, 'regression', { features }));
    const { x } = signature.encode([
      { c: null, b: true, a: 0.1 },
      { a: 1e300, b: 0, c: 2 },
    ]).feeds;
    expect([x!.type, x!.dims, [...x!.data]]).toEqual(['float64', [2, 3], [0.1, 1, NaN, 1e300, 0, 2]]);
  });

  it.each<[Value['type'], unknown, unknown]>([
    ['int64', 2 ** 53 - 1, BigInt(2 ** 53 - 1)],
    ['int64', 1.5, null],
    ['int64', 2 ** 53, null],
    ['int32', -(2 ** 31), -(2 ** 31)],
    ['int32', 2 ** 31, null],
    ['int32', 0.5, null],
    ['float32', 1e39, null],
    ['float64', 1e39, 1e39],
    ['bool', true, 1],
    ['bool', 2, null],
    ['float32', null, null],
  ])('should feed a tensor of %s with %s as %s', (type, given, fed) => {
    const signature = compileSignature(completeSignature(graph([value('x', type)]), 'regression', {}));
    const encode = () => [...signature.encode([{ x: given }]).feeds.x!.data];
    if (fed === null) expect(encode).toThrow(FeatureErrors);
    else expect(encode()).toEqual([fed]);
  });

  it.each<[string, 'value' | 'index', Value['classes'], (string | number)[]]>([
    ['those that the classifier names', 'value', [3, 5], [3, 5]],
    ['texts of those that it names', 'value', [3, 5], ['3', '5']],
    ['names for those that it numbers', 'index', [0, 1], ['no', 'yes']],
    ['integers of a graph that names none', 'value', undefined, [3, 5]],
    ['texts of a graph that names none', 'index', undefined, ['no', 'yes']],
  ])('should take the classes for %s as its %s', (_, encoding, classes, labels) => {
    const label = { ...value('label', 'int64', [null]), classes };
    const outputs = [label, value('p', 'float32', [null, 2])];
    const { output } = completeSignature(graph([value('x')], outputs), 'classification', { labels });
    expect(output).toMatchObject({
      label_tensor: 'label',
      label_encoding: encoding,
      probabilities_tensor: 'p',
    });
  });

  it.each<[string, ScannedGraph, Parameters<typeof completeSignature>[2], string]>([
    ['no names of columns', graph([value('x', 'float32', [null, 2])]), {}, '/features'],
    [
      'an input that is not there',
      graph([value('x'), value('z')]),
      { features: [{ name: 'y' }] },
      '/features/0/name',
    ],
    [
      'null in an integer',
      graph([value('x', 'int64')]),
      { features: [{ name: 'x', nullable: true }] },
      '/features/0/nullable',
    ],
    ['two values', graph([value('x')], [value('y'), value('z')]), {}, '/value_tensor'],
    ['a wide input beside another', graph([value('x', 'float32', [null, 2]), value('z')]), {}, ''],
    ['a fixed number of rows', graph([value('x', 'float32', [1, 1])]), {}, ''],
  ])('should be refused for %s', (_, scanned, description, pointer) => {
    let refusal: unknown;
    try {
      completeSignature(scanned, 'regression', description);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(SignatureIncomplete);
    expect(refusal).toMatchObject({ pointer });
  });

  it.each([[[0, 0]], [[0, 2]], [[0, undefined]]])('should not fill columns %j of one tensor', (columns) => {
    const inputs = columns.map((column, index) => ({
      name: `f${index}`,
      type: 'number',
      tensor: 'x',
      dtype: 'float32',
      nullable: false,
      categories: null,
      column,
    }));
    const output = { type: 'regression', value_tensor: 'y' };
    expect(() =>
      compileSignature({ signature_version: 1, target: null, inputs, ignored: [], output }),
    ).toThrow(InvalidSignature);
  });
});
