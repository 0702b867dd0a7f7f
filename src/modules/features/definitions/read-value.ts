import { canonicalValue, type FeatureType, type JsonValue, UnfitValue } from '#libs/features';
import type { FieldError } from '../../../platform/errors/problem.js';

/** A value in the one form of its type; undefined where it is at fault, which `errors` then gets. */
export function readValue(
  value: unknown,
  type: FeatureType,
  pointer: string,
  errors: FieldError[],
): JsonValue | undefined {
  try {
    return canonicalValue(value, type);
  } catch (error) {
    if (!(error instanceof UnfitValue)) throw error;
    errors.push({ pointer, message: `${error.message}; the feature is ${type}` });
    return undefined;
  }
}
