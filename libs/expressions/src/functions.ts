import type { ScalarType } from './tree.js';

/** `number` is int64 or float64, whichever comes. */
type ParameterType = ScalarType | 'number';

export interface FunctionSignature {
  readonly parameters: readonly ParameterType[];
  /** How many of them must be given; all by default. */
  readonly required?: number;
  /** `same`: the type of the first argument. */
  readonly result: ScalarType | 'same';
}

const ofNumber: FunctionSignature = { parameters: ['number'], result: 'same' };
const ofFloat: FunctionSignature = { parameters: ['float64'], result: 'float64' };
const ofText: FunctionSignature = { parameters: ['string'], result: 'string' };
const trimming: FunctionSignature = { parameters: ['string', 'string'], required: 1, result: 'string' };
const sideOfText: FunctionSignature = { parameters: ['string', 'int64'], result: 'string' };
const partOfText: FunctionSignature = { parameters: ['string', 'string'], result: 'boolean' };

/** Functions whose arguments each have a type of their own. */
export const FUNCTIONS: Readonly<Record<string, FunctionSignature>> = {
  abs: ofNumber,
  sign: ofNumber,
  ceil: ofNumber,
  floor: ofNumber,
  sqrt: ofFloat,
  exp: ofFloat,
  ln: ofFloat,
  log10: ofFloat,
  power: { parameters: ['float64', 'float64'], result: 'float64' },
  length: { parameters: ['string'], result: 'int64' },
  lower: ofText,
  upper: ofText,
  trim: trimming,
  ltrim: trimming,
  rtrim: trimming,
  substring: { parameters: ['string', 'int64', 'int64'], required: 2, result: 'string' },
  left: sideOfText,
  right: sideOfText,
  replace: { parameters: ['string', 'string', 'string'], result: 'string' },
  starts_with: partOfText,
  ends_with: partOfText,
  contains: partOfText,
};

/** Functions that `TreeBuilder` types by rules of their own. */
export const SPECIAL_FUNCTIONS = [
  ...['round', 'mod', 'div', 'concat', 'coalesce', 'nullif', 'greatest', 'least'],
  ...['extract', 'date_part', 'date_diff'],
] as const;

/** Other names of the same, as PostgreSQL has them. */
export const ALIASES: Readonly<Record<string, string>> = {
  btrim: 'trim',
  ceiling: 'ceil',
  char_length: 'length',
  pow: 'power',
  substr: 'substring',
};

/** Names of types in casts. */
export const TYPE_NAMES: Readonly<Record<string, ScalarType>> = {
  int64: 'int64',
  int8: 'int64',
  int4: 'int64',
  float64: 'float64',
  float8: 'float64',
  bool: 'boolean',
  string: 'string',
  text: 'string',
  varchar: 'string',
  timestamp: 'timestamp',
  timestamptz: 'timestamp',
};
