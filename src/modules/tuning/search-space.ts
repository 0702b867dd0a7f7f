import { isDeepStrictEqual } from 'node:util';
import { type FieldError, jsonPointer } from '../../platform/errors/problem.js';
import type { ChosenEstimator } from '../training/estimators.service.js';

/** What a hyperparameter is searched among: `parameter` of contracts/tuning-spec.v1.schema.json. */
export type SpaceParameter = {
  readonly name: string;
  /** Searched only in trials in which each of these parameters has this value. */
  readonly when?: Readonly<Record<string, unknown>>;
} & (
  | { readonly type: 'choice'; readonly values: readonly unknown[] }
  | {
      readonly type: 'randint' | 'lograndint' | 'uniform' | 'loguniform';
      readonly min: number;
      readonly max: number;
    }
  | { readonly type: 'quniform'; readonly min: number; readonly max: number; readonly q: number }
);

type RangeParameter = Exclude<SpaceParameter, { type: 'choice' }>;

const FIELDS = {
  choice: ['values'],
  randint: ['min', 'max'],
  lograndint: ['min', 'max'],
  uniform: ['min', 'max'],
  loguniform: ['min', 'max'],
  quniform: ['min', 'max', 'q'],
} as const;

/** Types of ranges, as requests name them. */
export const RANGE_TYPES = Object.keys(FIELDS) as SpaceParameter['type'][];

const MAX_PARAMETERS = 100;
const MAX_VALUES = 1000;
const MAX_CONDITIONS = 10;
/** Share of a range at which a number lies that is whole only where the ends are far apart. */
const INNER_SHARE = 0.381966;
/** What floating point may lose of a whole number of steps, as a share of one. */
const LOST_OF_A_STEP = 1e-9;

/** Where a space stands in its request. */
const AT = 'search_space';

export interface CheckedSpace {
  readonly space: SpaceParameter[];
  readonly errors: FieldError[];
}

/**
 * Reads the space of a request, and names everything that is wrong with it.
 * @param given by name, as requests write it
 * @returns where there are no errors, the parameters by name, each behind those that its `when` names: the order in
 *   which a request names them decides nothing
 */
export function readSpace(
  given: Readonly<Record<string, unknown>>,
  estimator: ChosenEstimator,
): CheckedSpace {
  const names = Object.keys(given).sort();
  if (names.length === 0) return failed('', 'must name at least one hyperparameter');
  if (names.length > MAX_PARAMETERS)
    return failed('', `must not name more than ${MAX_PARAMETERS} hyperparameters`);
  const errors: FieldError[] = [];
  const found = new Map<string, SpaceParameter>();
  for (const name of names) {
    const unknown = estimator.faultOfName(name);
    const faults = unknown === null ? faultsOfRange(given[name]) : [fault(unknown)];
    if (faults.length === 0) {
      const parameter = { name, ...(given[name] as object) } as SpaceParameter;
      found.set(name, parameter);
      faults.push(...faultsOfValues(parameter, estimator));
    }
    errors.push(...faults.map(({ path, message }) => ({ pointer: jsonPointer(AT, name, ...path), message })));
  }
  // A parameter that could not be read would only be missed by others.
  if (errors.length > 0) return { space: [], errors };
  for (const parameter of found.values())
    errors.push(
      ...faultsOfConditions(parameter, found).map(({ path, message }) => ({
        pointer: jsonPointer(AT, parameter.name, 'when', ...path),
        message,
      })),
    );
  return { space: errors.length > 0 ? [] : inOrder([...found.values()]), errors };
}

/** Why a value is none that a parameter can have, or null. */
export function faultOfValue(parameter: SpaceParameter, value: unknown): string | null {
  if (parameter.type === 'choice') {
    if (parameter.values.some((each) => isDeepStrictEqual(each, value))) return null;
    return `must be one of ${parameter.values.map((each) => JSON.stringify(each)).join(', ')}`;
  }
  const { min } = parameter;
  const last = lastOf(parameter);
  if (typeof value !== 'number' || !(value >= min && value <= last)) return `must be from ${min} to ${last}`;
  if (isOfIntegers(parameter) && !Number.isInteger(value)) return `must be an integer from ${min} to ${last}`;
  if (parameter.type === 'quniform') {
    const steps = (value - min) / parameter.q;
    if (Math.abs(steps - Math.round(steps)) > LOST_OF_A_STEP)
      return `must be ${min} and a number of steps of ${parameter.q}`;
  }
  return null;
}

/** How many values a grid has of a parameter; null where there is no end of them. */
export function countPoints(parameter: SpaceParameter): number | null {
  switch (parameter.type) {
    case 'choice':
      return parameter.values.length;
    case 'randint':
      return parameter.max - parameter.min;
    case 'quniform':
      return stepsOf(parameter) + 1;
    default:
      return null;
  }
}

interface Fault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const fault = (message: string, ...path: (string | number)[]): Fault => ({ path, message });

function failed(pointer: string, message: string): CheckedSpace {
  return { space: [], errors: [{ pointer: `${jsonPointer(AT)}${pointer}`, message }] };
}

/** What is wrong with a range by itself, whatever the hyperparameter. */
function faultsOfRange(given: unknown): Fault[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return [
      fault('must be an object of a type and its bounds, such as {"type": "randint", "min": 3, "max": 20}'),
    ];
  const range = given as Record<string, unknown>;
  const { type } = range;
  if (typeof type !== 'string' || !Object.hasOwn(FIELDS, type))
    return [fault(`must be one of ${RANGE_TYPES.join(', ')}`, 'type')];
  const fields: readonly string[] = FIELDS[type as SpaceParameter['type']];
  const unknown = Object.keys(range).filter((name) => !['type', 'when', ...fields].includes(name));
  const faults = unknown.map((name) =>
    fault(`is not a field of ${type}, which has ${fields.join(', ')}`, name),
  );
  if (type === 'choice') return [...faults, ...faultsOfChoice(range.values), ...faultsOfWhen(range.when)];
  return [...faults, ...faultsOfBounds(type, fields, range), ...faultsOfWhen(range.when)];
}

function faultsOfChoice(values: unknown): Fault[] {
  if (!Array.isArray(values) || values.length === 0)
    return [fault('must be a list of at least one value', 'values')];
  if (values.length > MAX_VALUES) return [fault(`must not hold more than ${MAX_VALUES} values`, 'values')];
  const seen = new Map<string, number>();
  return values.flatMap((value, at) => {
    const text = JSON.stringify(value);
    const first = seen.get(text);
    if (first === undefined) seen.set(text, at);
    return first === undefined ? [] : [fault(`is the same as value ${first}`, 'values', at)];
  });
}

function faultsOfBounds(type: string, fields: readonly string[], range: Record<string, unknown>): Fault[] {
  const integers = type === 'randint' || type === 'lograndint';
  const isFit = integers ? Number.isSafeInteger : Number.isFinite;
  const faults = fields
    .filter((field) => !isFit(range[field]))
    .map((field) => fault(`must be ${integers ? 'an integer' : 'a number'}`, field));
  if (faults.length > 0) return faults;
  const [min, max, q] = [range.min, range.max, range.q] as number[];
  if (max! <= min!) faults.push(fault(`must be more than min, which is ${min}`, 'max'));
  if (type.startsWith('log') && min! <= 0)
    faults.push(fault(`must be more than 0, as ${type} takes its logarithm`, 'min'));
  if (q !== undefined && q <= 0) faults.push(fault('must be more than 0', 'q'));
  if (q !== undefined && q > 0 && q > max! - min!)
    faults.push(fault(`must be at most max - min, which is ${max! - min!}`, 'q'));
  return faults;
}

function faultsOfWhen(when: unknown): Fault[] {
  if (when === undefined) return [];
  const count = typeof when === 'object' && when !== null ? Object.keys(when).length : 0;
  if (Array.isArray(when) || count === 0 || count > MAX_CONDITIONS)
    return [fault(`must be an object of 1 to ${MAX_CONDITIONS} parameters and the value of each`, 'when')];
  return [];
}

/** What of a range the estimator does not take. */
function faultsOfValues(parameter: SpaceParameter, estimator: ChosenEstimator): Fault[] {
  const { name } = parameter;
  if (parameter.type === 'choice')
    return parameter.values.flatMap((value, at) => {
      const message = estimator.faultOfValues(name, [value]);
      return message === null ? [] : [fault(message, 'values', at)];
    });
  const message = estimator.faultOfValues(name, witnessesOf(parameter));
  return message === null ? [] : [fault(message)];
}

/** Values of a range that an estimator takes only where it takes the whole range. */
function witnessesOf(parameter: RangeParameter): number[] {
  const { type, min, max } = parameter;
  const last = lastOf(parameter);
  if (isOfIntegers(parameter)) return [min, last];
  return type === 'quniform' ? [min, min + parameter.q, last] : [min, min + (max - min) * INNER_SHARE, last];
}

function faultsOfConditions(
  { name, when = {} }: SpaceParameter,
  space: ReadonlyMap<string, SpaceParameter>,
): Fault[] {
  return Object.entries(when).flatMap(([other, value]) => {
    const parameter = space.get(other);
    if (!parameter) return [fault('is no parameter of this search_space', other)];
    if (dependsOn(other, name, space)) return [fault(`depends on ${name} itself`, other)];
    const message = faultOfValue(parameter, value);
    return message === null ? [] : [fault(message, other)];
  });
}

/** Whether a parameter is another one or waits for it, at whatever distance. */
function dependsOn(
  name: string,
  other: string,
  space: ReadonlyMap<string, SpaceParameter>,
  seen = new Set<string>(),
): boolean {
  if (name === other) return true;
  if (seen.has(name)) return false;
  seen.add(name);
  return Object.keys(space.get(name)?.when ?? {}).some((next) => dependsOn(next, other, space, seen));
}

/** Each parameter behind those that its `when` names; there is no circle. */
function inOrder(parameters: readonly SpaceParameter[]): SpaceParameter[] {
  const placed = new Map<string, SpaceParameter>();
  for (let left = parameters; left.length > 0; left = left.filter(({ name }) => !placed.has(name))) {
    const next = left.find(({ when = {} }) => Object.keys(when).every((name) => placed.has(name)));
    placed.set(next!.name, next!);
  }
  return [...placed.values()];
}

/** The largest value of a range. */
function lastOf(parameter: RangeParameter): number {
  const { type, min, max } = parameter;
  if (type === 'randint' || type === 'lograndint') return max - 1;
  if (type !== 'quniform') return max;
  const last = min + stepsOf(parameter) * parameter.q;
  return Math.abs(max - last) <= LOST_OF_A_STEP * parameter.q ? max : last;
}

function stepsOf({ min, max, q }: { min: number; max: number; q: number }): number {
  return Math.floor((max - min) / q + LOST_OF_A_STEP);
}

function isOfIntegers(parameter: RangeParameter): boolean {
  if (parameter.type === 'quniform') return Number.isInteger(parameter.min) && Number.isInteger(parameter.q);
  return parameter.type === 'randint' || parameter.type === 'lograndint';
}
