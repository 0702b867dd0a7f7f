import { canonicalValue, type FeatureType, type JsonValue } from '#libs/features';
import type { FeatureRules, StoredFeature } from '../definitions/definitions.js';

/** A value that breaks a rule of its feature. */
export interface Violation {
  readonly feature: string;
  readonly rule: 'not_null' | 'between' | 'in';
  readonly message: string;
}

type Check = (value: JsonValue) => string | undefined;

/**
 * Checks the rules that a single row can break; `max_missing_share` is of the rows of a run.
 * @returns a function of the values of a row, by feature, in their one form
 */
export function ruleChecker(
  features: readonly StoredFeature[],
): (values: Readonly<Record<string, JsonValue>>) => Violation[] {
  const checks = features.flatMap(({ name, type, rules }) =>
    checksOf(type, rules).map(([rule, check]) => ({ name, rule, check })),
  );
  return (values) =>
    checks.flatMap(({ name, rule, check }) => {
      const message = check(values[name]!);
      return message === undefined ? [] : [{ feature: name, rule, message }];
    });
}

function checksOf(type: FeatureType, rules: FeatureRules): [Violation['rule'], Check][] {
  const { not_null: notNull, between, in: allowed } = rules;
  const checks: [Violation['rule'], Check][] = [];
  if (notNull) checks.push(['not_null', (value) => (value === null ? 'must not be null' : undefined)]);
  if (between) {
    const [least, most] = between.map((bound) => (bound === null ? null : canonicalValue(bound, type)));
    const message = `must be from ${least ?? 'any'} to ${most ?? 'any'}`;
    const isOutside = (value: JsonValue) =>
      value !== null &&
      ((least !== null && compare(value, least!, type) < 0) ||
        (most !== null && compare(value, most!, type) > 0));
    checks.push(['between', (value) => (isOutside(value) ? message : undefined)]);
  }
  if (allowed) {
    const values = new Set(allowed.map((one) => canonicalValue(one, type)));
    const message = `must be one of ${[...values].slice(0, 10).join(', ')}${values.size > 10 ? ', …' : ''}`;
    checks.push(['in', (value) => (value === null || values.has(value) ? undefined : message)]);
  }
  return checks;
}

/** Orders two values of a type that has an order: texts, and times with them, by their UTF-8, as DuckDB does. */
function compare(left: JsonValue, right: JsonValue, type: FeatureType): number {
  if (type === 'string' || type === 'timestamp')
    return Buffer.compare(Buffer.from(left as string), Buffer.from(right as string));
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  // Whole numbers past 2^53 are texts.
  const difference = BigInt(left as string | number) - BigInt(right as string | number);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
