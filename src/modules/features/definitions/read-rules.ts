import type { FeatureType } from '#libs/features';
import { type FieldError, jsonPointer } from '../../../platform/errors/problem.js';
import type { FeatureRules } from './definitions.js';
import { readValue } from './read-value.js';

const BOUNDED: readonly FeatureType[] = ['int64', 'float64', 'timestamp'];
const LISTED: readonly FeatureType[] = ['string', 'int64', 'float64', 'boolean'];

type Bound = number | string | null;
type Listed = string | number | boolean;

/**
 * The rules of a feature with their values in the one form of its type.
 * @param at pointer of the rules
 * @param errors gets every fault
 */
export function readRules(
  rules: FeatureRules,
  type: FeatureType,
  at: string,
  errors: FieldError[],
): FeatureRules {
  const { not_null, max_missing_share } = rules;
  return {
    ...(not_null !== undefined && { not_null }),
    ...(rules.between && { between: readBounds(rules.between, type, `${at}/between`, errors) }),
    ...(rules.in && { in: readValues(rules.in, type, `${at}/in`, errors) }),
    ...(max_missing_share !== undefined && { max_missing_share }),
  };
}

function readBounds(
  given: readonly Bound[],
  type: FeatureType,
  at: string,
  errors: FieldError[],
): [Bound, Bound] {
  const read = readAll(given, BOUNDED, type, at, errors) as [Bound, Bound];
  const [least, greatest] = read;
  if (least === null && greatest === null)
    errors.push({ pointer: at, message: 'must have one bound at least that is not null' });
  else if (isBelow(greatest, least, type))
    errors.push({ pointer: at, message: `must begin with the least value, got ${least} and ${greatest}` });
  return read;
}

/** Of two bounds in the form of their type, in which timestamps are ordered as their texts are. */
function isBelow(left: Bound | undefined, right: Bound | undefined, type: FeatureType): boolean {
  if (left === null || left === undefined || right === null || right === undefined) return false;
  return type === 'int64' ? BigInt(left) < BigInt(right) : left < right;
}

function readValues(given: readonly Listed[], type: FeatureType, at: string, errors: FieldError[]): Listed[] {
  const read = readAll(given, LISTED, type, at, errors) as Listed[];
  read.forEach((value, index) => {
    const pointer = at + jsonPointer(index);
    if (value === null)
      errors.push({ pointer, message: 'must not be null: not_null says whether there may be none' });
    const first = read.indexOf(value);
    if (value !== null && value !== undefined && first < index)
      errors.push({ pointer, message: `is the same as item ${first}` });
  });
  return read;
}

/** With undefined for each value that is at fault; none at all where the rule is not for the type. */
function readAll(
  given: readonly unknown[],
  types: readonly FeatureType[],
  type: FeatureType,
  at: string,
  errors: FieldError[],
): unknown[] {
  if (types.includes(type))
    return given.map((value, index) => readValue(value, type, at + jsonPointer(index), errors));
  errors.push({ pointer: at, message: `is a rule for ${types.join(', ')}; the feature is ${type}` });
  return [];
}
