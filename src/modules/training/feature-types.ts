import { ValidateBy } from 'class-validator';

/** What a column may be said to hold; contracts/training-spec.v1.schema.json. */
export const FEATURE_TYPES = ['number', 'category', 'time', 'boolean'] as const;
export type FeatureType = (typeof FEATURE_TYPES)[number];
const MAX_COLUMNS = 10_000;
const MAX_NAME_LENGTH = 256;

/** An object of a type a column. */
export const IsFeatureTypes = (): PropertyDecorator =>
  ValidateBy({
    name: 'isFeatureTypes',
    validator: {
      validate: (value) => faultOf(value) === null,
      defaultMessage: (given) => faultOf(given?.value) ?? '',
    },
  });

function faultOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `must be an object of a column's name and one of ${FEATURE_TYPES.join(', ')} each`;
  }
  const entries = Object.entries(value);
  if (entries.length > MAX_COLUMNS) return `must name at most ${MAX_COLUMNS} columns`;
  if (entries.some(([name]) => name.length > MAX_NAME_LENGTH)) {
    return `must name columns of at most ${MAX_NAME_LENGTH} characters`;
  }
  const wrong = entries.find(([, type]) => !FEATURE_TYPES.includes(type as FeatureType));
  return wrong
    ? `must say one of ${FEATURE_TYPES.join(', ')} for the column ${JSON.stringify(wrong[0])}`
    : null;
}
