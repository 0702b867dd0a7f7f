import { entityKeyParts, entityKeyReader, UnfitKey } from './entity-key.js';
import { FEATURE_TYPES, type FeatureType, type KeyColumn } from './feature-types.js';
import { canonicalValue, UnfitValue } from './feature-value.js';
import { formatMicroseconds, parseInstant, toMicroseconds } from './timestamp.js';

describe('canonicalValue', () => {
  const SAME: [FeatureType, unknown][] = [
    ['int64', 9007199254740991],
    ['int64', '9007199254740993'],
    ['int64', '-9223372036854775808'],
    ['float64', 1e308],
    ['boolean', false],
    ['string', ''],
    ['string', 'a\0b🦊:}\n'],
    ['timestamp', '2026-02-12T10:00:00.123456Z'],
    ['int64_list', [1, null, '9007199254740993']],
    ['timestamp_list', []],
  ];

  it.each(SAME)('should leave a %s as it is: %j', (type, value) => {
    expect(canonicalValue(value, type)).toEqual(value);
  });

  const CHANGED: [FeatureType, unknown, unknown][] = [
    ['int64', '42', 42],
    ['int64', -0, 0],
    ['timestamp', '2026-02-12', '2026-02-12T00:00:00.000000Z'],
    ['timestamp', '2026-02-12 10:00:00,5+02:30', '2026-02-12T07:30:00.500000Z'],
    ['timestamp', '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    ['timestamp', '1969-12-31T23:59:59.999999999Z', '1969-12-31T23:59:59.999999Z'],
    ['timestamp_list', ['2024-02-29T12:00Z', null], ['2024-02-29T12:00:00.000000Z', null]],
  ];

  it.each(CHANGED)('should write a %s %j in the one form', (type, value, expected) => {
    expect(canonicalValue(value, type)).toStrictEqual(expected);
  });

  it.each(FEATURE_TYPES)('should take null for %s', (type) => {
    expect(canonicalValue(null, type)).toBeNull();
  });

  const UNFIT: [FeatureType, unknown, RegExp][] = [
    ['int64', 1.5, /whole number of 64 bits.* got 1.5/],
    ['int64', 2 ** 53, /sent as a text/],
    ['int64', '9223372036854775808', /whole number of 64 bits/],
    ['int64', '007', /whole number/],
    ['int64', '-0', /whole number/],
    ['int64', true, /got true/],
    ['float64', Infinity, /finite number, got Infinity/],
    ['float64', NaN, /got NaN/],
    ['float64', '1', /got the text "1"/],
    ['boolean', 1, /true or false, got 1/],
    ['string', 1, /text, got 1/],
    ['string', '\ud800', /half surrogate/],
    ['string', 'é'.repeat(40_000), /at most 65536 bytes/],
    ['timestamp', 1770890400000, /such as 2026-02-12T10:00:00Z/],
    ['timestamp', '2026-02-30', /date or time/],
    ['timestamp', '2025-02-29T00:00:00Z', /date or time/],
    ['timestamp', '2026-02-12T24:00:00Z', /date or time/],
    ['timestamp', '0001-01-01T00:00:00+01:00', /years 1 to 9999/],
    ['int64_list', 1, /array, got 1/],
    ['int64_list', [1, 'x'], /got the text "x"/],
    ['float64_list', [[1]], /got an array/],
    ['boolean_list', new Array(10_001).fill(true), /at most 10000 items, holds 10001/],
    ['float64', undefined, /got nothing/],
    ['float64', {}, /got an object/],
  ];

  it.each(UNFIT)('should refuse as %s: %j', (type, value, message) => {
    expect(() => canonicalValue(value, type)).toThrow(UnfitValue);
    expect(() => canonicalValue(value, type)).toThrow(message);
  });
});

describe('timestamps', () => {
  it('should keep microseconds on both sides of 1970', () => {
    for (const text of [
      '2254-06-05T23:47:34.740991Z',
      '1969-12-31T23:59:59.000001Z',
      '1700-03-01T00:00:00.000007Z',
    ])
      expect(formatMicroseconds(toMicroseconds(parseInstant(text)!)!)).toBe(text);
  });

  it('should not round what a number does not hold', () => {
    expect(toMicroseconds(parseInstant('2300-01-01T00:00:00Z')!)).toBeNull();
    expect(toMicroseconds(parseInstant('1600-01-01T00:00:00Z')!)).toBeNull();
  });
});

describe('entityKeyReader', () => {
  const TWO: KeyColumn[] = [
    { name: 'shop', type: 'string' },
    { name: 'customer', type: 'int64' },
  ];
  const texts = (columns: KeyColumn[], ...values: unknown[]) =>
    entityKeyReader(columns)(Object.fromEntries(columns.map(({ name }, at) => [name, values[at]])));
  const ONE: KeyColumn[] = [{ name: 'id', type: 'string' }];

  it('should put the length in bytes before every part but the last', () => {
    expect(texts(TWO, 'hello', 42)).toBe('5:hello42');
    expect(texts(TWO, '', -1)).toBe('0:-1');
    expect(texts(TWO, 'né🦊', '9007199254740993')).toBe('7:né🦊9007199254740993');
    expect(texts(ONE, 'a:b}\n\0')).toBe('a:b}\n\0');
  });

  it('should name no two entities alike', () => {
    const three: KeyColumn[] = ['a', 'b', 'c'].map((name) => ({ name, type: 'string' }));
    const parts = ['', '1', ':', '1:', '0:', '2:x', 'é', '🦊', '}'];
    const all = parts.flatMap((a) => parts.flatMap((b) => parts.map((c) => texts(three, a, b, c))));
    expect(new Set(all).size).toBe(parts.length ** 3);
  });

  it('should be told apart again into its parts', () => {
    const parts = ['', '1', ':', '1:', '0:', '2:x', 'né🦊', 'a\n}'];
    for (const shop of parts)
      for (const last of [0, 42, -7])
        expect(entityKeyParts(texts(TWO, shop, last), 2)).toEqual([shop, String(last)]);
    expect(entityKeyParts('a:b', 1)).toEqual(['a:b']);
    for (const text of ['', 'hello42', '5:hell', '05:hello42', '9999:x', ':x'])
      expect(entityKeyParts(text, 2)).toBeUndefined();
  });

  it('should take 512 bytes and no more', () => {
    expect(texts(ONE, 'é'.repeat(256))).toHaveLength(256);
    expect(() => texts(ONE, 'é'.repeat(256) + 'x')).toThrow(/at most 512 bytes, is 513/);
    expect(() => texts(TWO, 'x'.repeat(600), 1)).toThrow(UnfitKey);
  });

  it.each([
    [ONE, [''], 'id', /not be empty/],
    [ONE, [null], 'id', /must have a value, got null/],
    [ONE, [undefined], 'id', /must have a value, got nothing/],
    [ONE, [7], 'id', /must be a text, got 7/],
    [ONE, ['\udc00'], 'id', /half surrogate/],
    [TWO, ['x', 1.5], 'customer', /whole number/],
    [TWO, ['x', 2 ** 60], 'customer', /sent as a text/],
    [[{ name: 'constructor', type: 'string' }], [], 'constructor', /got nothing/],
  ] as [KeyColumn[], unknown[], string, RegExp][])(
    'should refuse %j of %j',
    (columns, values, column, message) => {
      const row = Object.fromEntries(values.map((value, at) => [columns[at]!.name, value]));
      const fault = (() => {
        try {
          return entityKeyReader(columns)(row);
        } catch (error) {
          return error;
        }
      })();
      expect(fault).toMatchObject({ column, message: expect.stringMatching(message) as string });
    },
  );
});
