/** @jest-environment ./libs/inference/test/native-arrays-environment.mjs */
import {
  compileSignature,
  FeatureErrors,
  InvalidSignature,
  type FeatureProblem,
  type Signature,
  type SignatureInput,
} from './index.js';

function input(name: string, change: Partial<SignatureInput> = {}): SignatureInput {
  return {
    name,
    type: 'number',
    tensor: name,
    dtype: 'float32',
    nullable: true,
    categories: null,
    ...change,
  };
}

const text = { type: 'string', dtype: 'string' } as const;
const customer = [
  input('total_orders', { type: 'integer' }),
  input('average/value~', { tensor: 'average_value' }),
  input('is_member', { type: 'boolean', nullable: false }),
  input('plan', { ...text, categories: ['basic', 'premium'] }),
  input('note', { ...text, nullable: false }),
];
/** Years and hours of a time feed `<name>_year` and `<name>_hour`. */
const time = (name: string, change: Partial<SignatureInput> = {}) =>
  input(name, {
    type: 'timestamp',
    parts: [
      { part: 'year', tensor: `${name}_year` },
      { part: 'hour', tensor: `${name}_hour` },
    ],
    ...change,
  });
const row = { total_orders: 3, 'average/value~': 12.5, is_member: true, plan: 'basic', note: '' };

function document(
  inputs: readonly SignatureInput[],
  ignored: readonly string[] = [],
): Record<string, unknown> {
  const output = { type: 'regression', value_tensor: 'variable' };
  return { signature_version: 1, target: 'y', inputs, ignored, output };
}

function problemsOf(signature: Signature, rows: readonly unknown[]): readonly FeatureProblem[] {
  try {
    signature.encode(rows);
  } catch (error) {
    if (error instanceof FeatureErrors) return error.errors;
    throw error;
  }
  throw new Error('the rows were accepted');
}

function messagesOf(rows: readonly unknown[], inputs = customer): string[] {
  return problemsOf(compileSignature(document(inputs)), rows).map(({ message }) => message);
}

describe('compileSignature', () => {
  it.each<[string, unknown, RegExp]>([
    ['no object', null, /must be object/],
    ['an unknown version', { ...document(customer), signature_version: 2 }, /signature_version/],
    ['a field that the contract does not have', { ...document(customer), extra: 1 }, /additional/],
    ['no inputs', document([]), /inputs/],
    ['a feature twice', document([input('a'), input('a', { tensor: 'b' })]), /feature 'a' twice/],
    ['a tensor twice', document([input('a'), input('b', { tensor: 'a' })]), /tensor 'a' twice/],
    ['a text as float32', document([input('a', { type: 'string' })]), /does not fit a tensor of float32/],
    ['a number as text', document([input('a', { dtype: 'string' })]), /does not fit a tensor of string/],
    ['categories of a number', document([input('a', { categories: ['x'] })]), /has categories/],
    [
      'a time without parts',
      document([time('a', { parts: undefined })]),
      /'a' of type timestamp lacks parts/,
    ],
    ['parts of a number', document([time('a', { type: 'number' })]), /'a' of type number has parts/],
    ['a time as float64', document([time('a', { dtype: 'float64' })]), /does not fit a tensor of float64/],
    ['a part in a shared tensor', document([time('a', { column: 0 })]), /have tensors \[n, 1\] of their own/],
    ['a part beside a number', document([time('a'), input('a_year')]), /tensor 'a_year' twice/],
    [
      'two parts in one tensor',
      document([time('a', { parts: ['year', 'hour'].map((part) => ({ part, tensor: 'x' })) as never })]),
      /tensor 'x' twice/,
    ],
    ['an ignored feature', document([input('a')], ['a']), /both a feature and ignored/],
    [
      'words for a missing value that the model does not take',
      document([input('a', { ...text, nullable: false, reading: { missing: ['NA'] } })]),
      /'a' is read as missing, which it cannot be/,
    ],
    [
      'a value that may be absent but not missing',
      document([input('a', { nullable: false, reading: { may_be_absent: true } })]),
      /'a' is read as missing, which it cannot be/,
    ],
  ])('should refuse %s', (_, json, message) => {
    expect(() => compileSignature(json)).toThrow(InvalidSignature);
    expect(() => compileSignature(json)).toThrow(message);
  });
});

describe('encode', () => {
  it('should make one tensor a feature', () => {
    const second = { total_orders: null, 'average/value~': null, is_member: 0, plan: null, note: 'x' };
    const { feeds, warnings } = compileSignature(document(customer)).encode([row, second]);

    expect(
      Object.entries(feeds).map(([name, { type, dims, data }]) => [name, type, dims, [...data]]),
    ).toEqual([
      ['total_orders', 'float32', [2, 1], [3, NaN]],
      ['average_value', 'float32', [2, 1], [12.5, NaN]],
      ['is_member', 'float32', [2, 1], [1, 0]],
      ['plan', 'string', [2, 1], ['basic', '']],
      ['note', 'string', [2, 1], ['', 'x']],
    ]);
    expect(warnings).toEqual([]);
  });

  it('should take true and false for 1 and 0 where training had these alone, and nowhere else', () => {
    const flag = { reading: { from: 'boolean' as const } };
    const inputs = [
      input('whole', { ...flag, type: 'integer' }),
      input('share', flag),
      input('member', { type: 'boolean' }),
      input('count', { type: 'integer' }),
      input('size'),
    ];
    const { feeds } = compileSignature(document(inputs)).encode([
      { whole: true, share: false, member: 1, count: 1, size: 1 },
      { whole: 0, share: 0.5, member: false, count: 7, size: 0 },
      { whole: null, share: true, member: null, count: 0, size: 1 },
    ]);
    expect([...feeds.whole!.data]).toEqual([1, 0, NaN]);
    expect([...feeds.share!.data]).toEqual([0, 0.5, 1]);
    expect([...feeds.member!.data]).toEqual([1, 0, NaN]);
    expect(messagesOf([{ whole: true, share: 'true', member: 2, count: true, size: false }], inputs)).toEqual(
      [
        '\'share\' must be a number, got the text "true"',
        "'member' must be true or false, got 2",
        "'count' must be an integer, got true",
        "'size' must be a number, got false",
      ],
    );
  });

  it('should read words for missing values of any type as training did, and what its rows need not name', () => {
    const reading = { missing: ['', 'NA'], may_be_absent: true } as const;
    const inputs = [
      input('n', { reading }),
      input('i', { type: 'integer', reading }),
      input('b', { type: 'boolean', reading }),
      time('t', { reading }),
      input('s', { ...text, categories: ['x'], reading }),
      input('toString', { reading }),
      input('strict'),
    ];
    const full = { n: 1.5, i: 2, b: true, t: '2024-01-01', s: 'x', toString: 3, strict: 1 };
    const words = { ...full, n: 'NA', i: ' NA', b: '', t: 'NA ', s: 'NA', toString: 'NA' };
    const signature = compileSignature(document(inputs));
    const { feeds } = signature.encode([full, words, { strict: 1 }]);
    for (const tensor of ['n', 'i', 'b', 't_year', 'toString']) {
      expect([tensor, ...feeds[tensor]!.data].map((each) => Number.isNaN(each))).toEqual([
        ...[false, false, true, true],
      ]);
    }
    expect([...feeds.s!.data]).toEqual(['x', '', '']);
    expect(messagesOf([{ n: 'na', t: 'NA' }], inputs)).toEqual([
      '\'n\' must be a number, got the text "na"',
      "the feature 'strict' is missing",
    ]);
    // As many names as features, but one of them is none.
    const { s: _, ...others } = full;
    expect(messagesOf([{ ...others, S: 'x' }], inputs)).toEqual([
      expect.stringContaining("unknown feature 'S'"),
    ]);
  });

  it('should read texts as training did: words for a missing value, and numbers that it took for texts', () => {
    const inputs = [
      input('plan', { ...text, categories: ['basic'], reading: { missing: ['NA', '?'] } }),
      input('zone', { ...text, categories: ['1', '2.5', 'true'], reading: { from: 'number', missing: [] } }),
    ];
    const rows = [
      { plan: 'NA', zone: 1 },
      { plan: 'basic', zone: 2.5 },
      { plan: 'n/a', zone: 'NA' },
      { plan: null, zone: true },
    ];
    const { feeds, warnings } = compileSignature(document(inputs)).encode(rows);
    expect([...feeds.plan!.data]).toEqual(['', 'basic', 'n/a', '']);
    expect([...feeds.zone!.data]).toEqual(['1', '2.5', 'NA', 'true']);
    expect(warnings).toHaveLength(2);

    const core = {
      tensor: 'packed',
      columns: [
        { tensor: 'plan', ordinal: ['', 'basic'] },
        { tensor: 'zone', ordinal: ['1', '2.5', 'true'] },
      ],
    };
    const packed = compileSignature({ ...document(inputs), core }, 'core').encode(rows);
    expect([...packed.feeds.packed!.data]).toEqual([0, 0, 1, 1, -1, -1, 0, 2]);
    expect(packed.warnings).toEqual(warnings);
    expect(messagesOf([{ plan: 7, zone: {} }], inputs)).toEqual([
      "'plan' must be a text, got 7",
      "'zone' must be a text, got an object",
    ]);
  });

  it('should make tensors of one feature, of several, and of the parts of a time', () => {
    const inputs = [
      input('a', { tensor: 'packed', column: 1 }),
      time('at'),
      input('b', { tensor: 'packed', column: 0 }),
      input('count', { type: 'integer', dtype: 'int64', nullable: false, rank: 1 }),
    ];
    const rows = [
      { a: 1, at: '2026-02-12T10:30:00Z', b: 2, count: 7 },
      { a: null, at: null, b: 4, count: 8 },
      { a: 5, at: -1, b: 6, count: 9 },
    ];
    const { feeds } = compileSignature(document(inputs)).encode(rows);
    const hour = Math.fround(24 - 1 / 3_600_000);
    expect(
      Object.entries(feeds).map(([name, { type, dims, data }]) => [name, type, dims, [...data]]),
    ).toEqual([
      ['packed', 'float32', [3, 2], [2, 1, 4, NaN, 6, 5]],
      ['at_year', 'float32', [3, 1], [2026, NaN, 1969]],
      ['at_hour', 'float32', [3, 1], [10.5, NaN, hour]],
      ['count', 'int64', [3], [7n, 8n, 9n]],
    ]);
    expect(messagesOf([{ ...rows[0], at: '2026-02-30' }, rows[1], { ...rows[2], at: true }], inputs)).toEqual(
      [
        expect.stringMatching(/^'at' must be a date or time such as .* got the text "2026-02-30"$/),
        expect.stringMatching(/^'at' must be a date or time such as .* got true$/),
      ],
    );
  });

  it.each<[string, object, string]>([
    [
      'a text for a number',
      { 'average/value~': 'abc' },
      `'average/value~' must be a number, got the text "abc"`,
    ],
    ['a boolean for a number', { 'average/value~': true }, `'average/value~' must be a number, got true`],
    ['an array', { 'average/value~': [1] }, `'average/value~' must be a number, got an array`],
    ['an object', { plan: {} }, `'plan' must be a text, got an object`],
    ['a number for a text', { plan: 1 }, `'plan' must be a text, got 1`],
    ['a fraction for an integer', { total_orders: 1.5 }, `'total_orders' must be an integer, got 1.5`],
    [
      'an unsafe integer',
      { total_orders: 2 ** 53 },
      `'total_orders' must be an integer, got 9007199254740992`,
    ],
    ['two for a boolean', { is_member: 2 }, `'is_member' must be true or false, got 2`],
    ['null', { note: null }, `'note' must be a text, and the model does not take null, got null`],
    [
      'NaN',
      { 'average/value~': NaN },
      `'average/value~' must be a finite number in the range of float32, got NaN`,
    ],
    [
      'too much for float32',
      { 'average/value~': 1e39 },
      `must be a finite number in the range of float32, got 1e+39`,
    ],
    [
      'a text of more than 64 KiB',
      { note: 'é'.repeat(32769) },
      `'note' must be a text of at most 65536 bytes`,
    ],
    ['undefined', { note: undefined }, `'note' must be a text, got undefined`],
  ])('should refuse %s', (_, change, message) => {
    expect(messagesOf([{ ...row, ...change }])).toEqual([expect.stringContaining(message)]);
  });

  it('should accept the largest float32, 64 KiB of text and booleans as numbers', () => {
    const signature = compileSignature(document(customer));
    const change = { 'average/value~': 3.4028234663852886e38, note: 'é'.repeat(32768), is_member: 1 };
    expect(() => signature.encode([{ ...row, ...change }])).not.toThrow();
  });

  it('should name every fault at once, row by row, with a pointer', () => {
    const { total_orders, 'average/value~': average, ...rest } = row;
    const rows = [
      { ...rest, total_order: 1, 'average/value~': 'x' },
      [],
      row,
      null,
      { ...row, plan: 1, zzz: 2 },
    ];
    expect(problemsOf(compileSignature(document(customer)), rows)).toEqual([
      {
        row: 0,
        feature: 'total_orders',
        pointer: '/total_orders',
        message: "the feature 'total_orders' is missing",
      },
      expect.objectContaining({ row: 0, feature: 'average/value~', pointer: '/average~1value~0' }),
      {
        row: 0,
        feature: 'total_order',
        pointer: '/total_order',
        message: "unknown feature 'total_order'; did you mean 'total_orders'?",
      },
      { row: 1, feature: null, pointer: '', message: 'must be an object of features, got an array' },
      { row: 3, feature: null, pointer: '', message: 'must be an object of features, got null' },
      expect.objectContaining({ row: 4, feature: 'plan' }),
      { row: 4, feature: 'zzz', pointer: '/zzz', message: "unknown feature 'zzz'" },
    ]);
    expect([total_orders, average]).toEqual([3, 12.5]);
  });

  it.each([
    ['TotalOrders', 'total_orders'],
    ['total orders', 'total_orders'],
    ['totla_orders', 'total_orders'],
    ['Plan', 'plan'],
  ])('should guess that %s means %s', (wrong, meant) => {
    expect(messagesOf([{ ...row, [wrong]: 1 }])).toEqual([
      `unknown feature '${wrong}'; did you mean '${meant}'?`,
    ]);
  });

  it('should report at most 100 faults and count the rest', () => {
    const messages = messagesOf(Array.from({ length: 50 }, () => ({})));
    expect(messages).toHaveLength(101);
    expect(messages.at(-1)).toBe('and 150 more errors');
  });

  it('should guess nothing where that would mean to compare thousands of long names', () => {
    const inputs = Array.from({ length: 2000 }, (_, at) =>
      input(`${'a'.repeat(60)}${String(at).padStart(4, '0')}`, { tensor: `t${at}` }),
    );
    const full = Object.fromEntries(inputs.map(({ name }) => [name, 1]));
    const wrong = `${'a'.repeat(59)}b1999`;
    expect(messagesOf([{ ...full, [wrong]: 1 }], inputs)).toEqual([`unknown feature '${wrong}'`]);
  });

  it('should stop counting faults where rows and features are many', () => {
    const inputs = Array.from({ length: 1000 }, (_, at) => input(`f${at}`, { tensor: `t${at}` }));
    const rows = (count: number) => Array.from({ length: count }, () => ({}));
    expect(messagesOf(rows(100), inputs).at(-1)).toBe('and 99900 more errors');
    expect(messagesOf(rows(1000), inputs).at(-1)).toBe('and at least 100900 more errors');
  });

  it('should know features that every object inherits from those that are there', () => {
    const inputs = ['__proto__', 'constructor', 'toString'].map((name, index) =>
      input(name, { tensor: `t${index}` }),
    );
    expect(messagesOf([{}], inputs)).toEqual([
      "the feature '__proto__' is missing",
      "the feature 'constructor' is missing",
      "the feature 'toString' is missing",
    ]);
    const given = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}') as object;
    const { feeds } = compileSignature(document(inputs)).encode([given]);
    expect(Object.values(feeds).map(({ data }) => [...data])).toEqual([[1], [2], [3]]);

    const unknown = JSON.parse('{"a": 1, "__proto__": {"b": 2}}') as object;
    expect(messagesOf([unknown], [input('a')])).toEqual(["unknown feature '__proto__'"]);
  });

  it('should not take features from the prototype of a row', () => {
    const inherited = Object.create({ a: 1 }) as object;
    expect(messagesOf([inherited], [input('a')])).toEqual(["the feature 'a' is missing"]);
  });

  it('should accept ignored columns with a warning', () => {
    const signature = compileSignature(document(customer, ['customer_id', 'name']));
    const { feeds, warnings } = signature.encode([{ ...row, customer_id: 7 }, row]);
    expect(Object.keys(feeds)).toHaveLength(customer.length);
    expect(warnings).toEqual(["the model does not use 'customer_id'; it was ignored"]);
  });

  it('should warn of unseen categories once a value', () => {
    const signature = compileSignature(document(customer));
    const long = 'x'.repeat(500);
    const rows = [row, { ...row, plan: 'gold' }, { ...row, plan: 'gold' }, { ...row, plan: long }];
    expect(signature.encode(rows).warnings).toEqual([
      `'plan' has the value "gold", which training has not seen (row 1 and 1 more)`,
      `'plan' has the value "${'x'.repeat(80)}…", which training has not seen (row 3)`,
    ]);
    expect(signature.encode([{ ...row, plan: 'gold' }]).warnings).toEqual([
      `'plan' has the value "gold", which training has not seen`,
    ]);
  });

  it('should cap the warnings of unseen categories', () => {
    const rows = Array.from({ length: 1000 }, (_, index) => ({ ...row, plan: `plan ${index}` }));
    const { warnings } = compileSignature(document(customer)).encode(rows);
    expect(warnings).toHaveLength(21);
    expect(warnings.at(-1)).toBe('and 980 more values that training has not seen');
  });
});
