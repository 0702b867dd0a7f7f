import type { ScalarType, ScalarValue } from '../src/index.js';

/** Numbers from 0 up to 1 that a seed decides (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const COLUMNS: ReadonlyMap<string, ScalarType> = new Map(
  (['int64', 'float64', 'boolean', 'string', 'timestamp'] as const).flatMap((type) =>
    [1, 2].map((number) => [`${type[0]!.toUpperCase()}${number}`, type] as const),
  ),
);

const INTEGERS = [
  ...['0', '1', '-1', '2', '3', '-7', '10', '60', '100', '4095', '-1000000', '86400'],
  ...['9007199254740991', '-9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993'],
  ...['4611686018427387904', '9223372036854775807', '-9223372036854775808', '9223372036854775806'],
  ...['3037000500', '-3037000500', '4294967296', '1000000000000000000'],
];
const FLOATS = [
  ...[0, 0.5, -0.5, 1, -1, 1.5, 2, 2.5, -2.5, 0.1, 0.49999999999999994, 1.005, 2.675, 100, 123.456, -1234.5],
  ...[
    1e-7, 1e-6, 1e16, 1e20, 1e21, 1.7976931348623157e308, 1e308, -1e308, 5e-324, 1e-310,
    2.2250738585072014e-308,
  ],
  ...[
    2 ** 53,
    2 ** 53 + 2,
    2 ** 63,
    -(2 ** 63),
    2 ** 62,
    709.782712893384,
    710,
    -745.1332191019412,
    Math.E,
    Math.PI,
  ],
];
const TEXTS = [
  ...[
    '',
    ' ',
    '  a b  ',
    'abc',
    'ABC',
    'a',
    'b',
    'ab',
    'Straße',
    'ÄÖÜß',
    'İIıi',
    'ΑΣ ς Σ',
    'ǅ',
    'éé',
    'ﬁ',
    'ẞ',
    'Ⓐⓐ',
  ],
  ...[
    '🦊',
    '🦊🐻a🦊',
    '👩‍👩‍👧',
    'e\u0301',
    '\uffff',
    '\ufb00',
    '\u{10400}\u{10428}',
    '\ue000',
    '日本語',
    '\u2028',
    '\u00a0x\u00a0',
  ],
  ...[
    '12',
    ' 7 ',
    '+5',
    '-0',
    '007',
    '9223372036854775808',
    '1e5',
    '.5',
    '5.',
    '1e400',
    'NaN',
    'Infinity',
    '0x10',
    '1_000',
    '١٢',
  ],
  ...[
    'true',
    ' Yes ',
    'off',
    'TRUE',
    'ſ',
    '2024-02-29',
    '2023-02-29',
    '2024-02-29T12:34:56.789Z',
    '9999-12-31 23:59:59,999999999',
  ],
  ...['0001-01-01T00:00:00+01:00', '2024-01-01T24:00:00Z', "it's", '$&', 'a'.repeat(40), 'aaaa'],
];
const TIMES = [
  ...[
    '1970-01-01T00:00:00.000000Z',
    '1969-12-31T23:59:59.999999Z',
    '2024-02-29T12:34:56.789012Z',
    '2000-01-01T00:00:00.000001Z',
  ],
  ...[
    '0001-01-01T00:00:00.000000Z',
    '9999-12-31T23:59:59.999999Z',
    '2255-06-05T23:47:34.740993Z',
    '1685-01-01T00:00:00.000001Z',
  ],
];

/** Random expressions of every type, and values to evaluate them with. */
export class RandomExpressions {
  constructor(private readonly random: () => number) {}

  value(type: ScalarType): ScalarValue {
    if (this.chance(0.12)) return null;
    switch (type) {
      case 'int64': {
        const text = this.chance(0.6)
          ? this.pick(INTEGERS)
          : String(Math.trunc((this.random() - 0.5) * 2000));
        return Number.isSafeInteger(Number(text)) ? Number(text) : text;
      }
      case 'float64':
        return this.float();
      case 'boolean':
        return this.chance(0.5);
      case 'string':
        if (this.chance(0.03)) return 'xy🦊'.repeat(2_500);
        return this.chance(0.02) ? 'a\0b' : this.text();
      case 'timestamp':
        return this.chance(0.5) ? this.pick(TIMES) : this.time();
    }
  }

  /** An expression of the type, as text. */
  expression(type: ScalarType, depth: number): string {
    if (depth <= 0 || this.chance(0.12)) return this.leaf(type);
    const any = () => this.expression(this.type(), depth - 1);
    const of = (inner: ScalarType) => this.expression(inner, depth - 1);
    const forms: (() => string)[] = [
      () => `coalesce(${of(type)}, ${of(type)})`,
      () => `nullif(${of(type)}, ${of(type)})`,
      () => `${this.pick(['greatest', 'least'])}(${of(type)}, ${of(type)}, ${of(type)})`,
      () =>
        `case when ${of('boolean')} then ${of(type)} when ${of('boolean')} then ${of(type)} else ${of(type)} end`,
      () => `case ${of('int64')} when ${of('int64')} then ${of(type)} end`,
      ...this.formsOf(type, of, any),
      ...this.formsOf(type, of, any),
    ];
    return this.pick(forms)();
  }

  private formsOf(type: ScalarType, of: (type: ScalarType) => string, any: () => string): (() => string)[] {
    const number = () => of(this.pick(['int64', 'float64']));
    switch (type) {
      case 'int64':
        return [
          () => `(${of(type)} ${this.pick(['+', '-', '*', '%'])} ${of(type)})`,
          () => `(${of(type)} ${this.pick(['+', '-', '*', '%'])} ${of(type)})`,
          () => `${this.pick(['div', 'mod'])}(${of(type)}, ${of(type)})`,
          () => `${this.pick(['abs', 'sign', '-', 'ceil', 'round'])}(${of(type)})`,
          () => `length(${of('string')})`,
          () =>
            `extract(${this.pick(['year', 'month', 'day', 'hour', 'minute', 'dow'])} from ${of('timestamp')})`,
          () =>
            `date_diff('${this.pick(['day', 'hour', 'minute', 'second'])}', ${of('timestamp')}, ${of('timestamp')})`,
          () => `cast(${of(this.pick(['float64', 'string', 'boolean']))} as bigint)`,
        ];
      case 'float64':
        return [
          () => `(${of(type)} ${this.pick(['+', '-', '*', '/', '%', '^'])} ${number()})`,
          () => `(${number()} / ${number()})`,
          () => `${this.pick(['sqrt', 'exp', 'ln', 'log10'])}(${number()})`,
          () => `${this.pick(['abs', 'sign', '-', 'ceil', 'floor', 'round'])}(${of(type)})`,
          () => `round(${number()}, ${this.pick(['0', '1', '2', '5', '-1', '-3', '20', '-20'])})`,
          () => `${this.pick(['mod', 'div', 'power'])}(${of(type)}, ${number()})`,
          () => `extract(${this.pick(['epoch', 'second'])} from ${of('timestamp')})`,
          () => `cast(${of(this.pick(['int64', 'string']))} as double precision)`,
        ];
      case 'boolean': {
        const compared = this.type();
        return [
          () => `(${of(compared)} ${this.pick(['=', '<>', '<', '<=', '>', '>='])} ${of(compared)})`,
          () => `(${number()} ${this.pick(['=', '<>', '<', '<=', '>', '>='])} ${number()})`,
          () => `(${of(type)} ${this.pick(['and', 'or'])} ${of(type)})`,
          () => `(not ${of(type)})`,
          () => `(${any()} is ${this.pick(['null', 'not null'])})`,
          () =>
            `(${of(type)} is ${this.pick(['true', 'not true', 'false', 'not false', 'unknown', 'not unknown'])})`,
          () => `(${of(compared)} is ${this.pick(['', 'not'])} distinct from ${of(compared)})`,
          () =>
            `(${of(compared)} ${this.pick(['', 'not'])} in (${of(compared)}, ${of(compared)}, null, ${of(compared)}))`,
          () => `(${of(compared)} ${this.pick(['', 'not'])} between ${of(compared)} and ${of(compared)})`,
          () => `${this.pick(['starts_with', 'ends_with', 'contains'])}(${of('string')}, ${of('string')})`,
          () => `cast(${of(this.pick(['int64', 'string']))} as boolean)`,
        ];
      }
      case 'string':
        return [
          () => `${this.pick(['lower', 'upper', 'trim', 'ltrim', 'rtrim'])}(${of(type)})`,
          () =>
            `${this.pick(['trim', 'ltrim', 'rtrim'])}(${of(type)}, ${of(type)})`.replace(/^trim/, 'btrim'),
          () => `${this.pick(['left', 'right'])}(${of(type)}, ${of('int64')})`,
          () => `substring(${of(type)}, ${of('int64')})`,
          () => `substring(${of(type)} from ${of('int64')} for ${of('int64')})`,
          () => `replace(${of(type)}, ${of(type)}, ${of(type)})`,
          () => `(${of(type)} || ${of(type)})`,
          () => `concat(${any()}, ${any()}, ${of(type)})`,
          () => `cast(${any()} as text)`,
        ];
      case 'timestamp':
        return [() => `cast(${of('string')} as timestamp)`];
    }
  }

  private leaf(type: ScalarType): string {
    if (this.chance(0.6)) return `${type[0]!.toUpperCase()}${this.pick([1, 2])}`;
    const value = this.value(type);
    if (value === null) return `cast(null as ${type})`;
    if (type === 'string')
      return `'${String(value).slice(0, 60).replaceAll('\0', '').replaceAll("'", "''")}'`;
    if (type === 'timestamp') return `timestamp '${value}'`;
    // A float64 that is whole is an int64 in SQL unless it has an exponent.
    const text = type === 'float64' && /^-?\d+$/.test(String(value)) ? `${value}.0` : String(value);
    return text.startsWith('-') ? `(${text})` : text;
  }

  private float(): number {
    if (this.chance(0.5)) return this.pick(FLOATS);
    const mantissa = (this.random() - 0.5) * 2;
    return this.chance(0.7) ? mantissa * 100 : mantissa * 10 ** Math.trunc((this.random() - 0.5) * 600);
  }

  private text(): string {
    return this.chance(0.7) ? this.pick(TEXTS) : this.pick(TEXTS) + this.pick(TEXTS);
  }

  private time(): string {
    const milliseconds = Math.trunc(Date.UTC(1900, 0, 1) + this.random() * 6e12);
    return `${new Date(milliseconds).toISOString().slice(0, 23)}${this.pick(['000', '001', '999'])}Z`;
  }

  type(): ScalarType {
    return this.pick(['int64', 'float64', 'boolean', 'string', 'timestamp']);
  }

  private chance(share: number): boolean {
    return this.random() < share;
  }

  private pick<T>(list: readonly T[]): T {
    return list[Math.trunc(this.random() * list.length)]!;
  }
}
