import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { closestName } from '#libs/inference';
import { PROJECT_ROOT } from '../../config/project.js';
import { type FieldError, fieldsProblem, jsonPointer, unfit } from '../../platform/errors/problem.js';
import type { ModelType } from '../models/model.entity.js';

export const TRAINABLE_FRAMEWORKS = ['sklearn', 'xgboost', 'lightgbm'] as const;
export type TrainableFramework = (typeof TRAINABLE_FRAMEWORKS)[number];

export interface Estimator {
  model_types: ModelType[];
  hyperparameters: Record<string, Record<string, unknown>>;
  /** Hyperparameters that exist for one model type. */
  only: Record<string, ModelType>;
  /** By field of a request's `training_config`, and its `batch_size`: the hyperparameter that it is. */
  training_config: Record<string, { hyperparameter?: string }>;
  /** What a study searches that names no space, as requests write it. */
  default_space: Record<string, Record<string, unknown>>;
}

/** Name of an estimator of a framework. */
export interface NamedEstimator {
  framework: TrainableFramework;
  estimator: string;
}

/** What of a hyperparameter's description says its default. */
interface Defaults {
  default?: unknown;
  default_for?: Partial<Record<ModelType, unknown>>;
}

interface Estimators {
  frameworks: Record<TrainableFramework, { default: string; estimators: Record<string, Estimator> }>;
}

/** contracts/estimators.v1.json, which the trainer reads too. */
const { frameworks } = JSON.parse(
  readFileSync(join(PROJECT_ROOT, 'contracts', 'estimators.v1.json'), 'utf8'),
) as Estimators;

/** Estimators of a framework by name, in the order in which they are looked at. */
export function estimatorsOf(framework: TrainableFramework): Readonly<Record<string, Estimator>> {
  return frameworks[framework].estimators;
}

/** Pairs of characters that are compared to find the name that was meant. */
const MAX_COMPARISONS = 100_000;
/** Of several values at fault, so many are shown. */
const MAX_SHOWN = 3;

const ajv = new Ajv({ strict: false, allErrors: true, useDefaults: false });

export interface Choice {
  estimator: string;
  hyperparameters: Record<string, unknown>;
}

/**
 * Which estimator trains, by the rule that the contract states, and its checked hyperparameters.
 * @param modelType undefined where only the data will tell
 * @throws Problem 422 naming every hyperparameter that the estimator does not have or that is out of range
 */
export function chooseEstimator(
  framework: TrainableFramework,
  modelType: ModelType | undefined,
  given: Record<string, unknown>,
): Choice {
  const { estimator: named, ...hyperparameters } = given;
  const estimator = named === undefined ? choose(framework, modelType, Object.keys(hyperparameters)) : named;
  const all = frameworks[framework].estimators;
  if (typeof estimator !== 'string' || !Object.hasOwn(all, estimator)) {
    throw unfit(
      '/hyperparameters/estimator',
      `must be one of ${Object.keys(all).join(', ')} for ${framework}`,
    );
  }
  const description = all[estimator] as Estimator;
  if (modelType && !description.model_types.includes(modelType)) {
    throw unfit(
      '/hyperparameters/estimator',
      `${estimator} does not do ${modelType}; it does ${description.model_types.join(' and ')}`,
    );
  }
  refuseMisfits(estimator, description, modelType, hyperparameters);
  return { estimator, hyperparameters };
}

/**
 * The hyperparameters with which an estimator trains: those given, then what general settings say, then defaults.
 * @param modelType null where only the data will tell: what depends on it is then left out
 * @param settings `training_config` and `batch_size` of the request
 */
export function filledIn(
  framework: TrainableFramework,
  modelType: ModelType | null,
  { estimator, hyperparameters: given }: Choice,
  settings: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const description = frameworks[framework].estimators[estimator];
  // The row of another release may name one that there is no more, or not yet.
  if (!description) return given;
  const { hyperparameters, only, training_config } = description;
  const general = Object.entries(training_config).flatMap(([setting, { hyperparameter }]) =>
    hyperparameter && (settings[setting] ?? null) !== null ? [[hyperparameter, settings[setting]]] : [],
  );
  const defaults = Object.entries(hyperparameters as Record<string, Defaults>).flatMap(([name, schema]) => {
    const { default: usual, default_for = {} } = schema;
    if (usual === undefined || (only[name] && only[name] !== modelType)) return [];
    if (modelType === null && schema.default_for) return [];
    return [[name, modelType && Object.hasOwn(default_for, modelType) ? default_for[modelType] : usual]];
  });
  return { ...Object.fromEntries(defaults), ...Object.fromEntries(general), ...given };
}

/** The estimator of a framework that hyperparameters of these names are for, by the rule that the contract states. */
export function choose(
  framework: TrainableFramework,
  modelType: ModelType | undefined,
  names: readonly string[],
): string {
  const { default: preferred, estimators } = frameworks[framework];
  const fitting = Object.entries(estimators)
    .filter(([, { model_types }]) => !modelType || model_types.includes(modelType))
    .map(([name]) => name);
  if (names.length === 0) return fitting.includes(preferred) ? preferred : (fitting[0] as string);
  // Where none has all of the names, the one that has most of them explains best what is wrong.
  const known = (estimator: string) => countKnown(estimators[estimator] as Estimator, names);
  return fitting.reduce((best, next) => (known(next) > known(best) ? next : best));
}

/** How many of the names are hyperparameters of an estimator. */
export function countKnown({ hyperparameters }: Estimator, names: readonly string[]): number {
  return names.filter((name) => Object.hasOwn(hyperparameters, name)).length;
}

function refuseMisfits(
  estimator: string,
  description: Estimator,
  modelType: ModelType | undefined,
  given: Record<string, unknown>,
): void {
  const errors = Object.entries(given).flatMap<FieldError>(([name, value]) => {
    const message =
      faultOfName(estimator, description, modelType, name) ?? faultOfValues(description, name, [value]);
    return message === null ? [] : [{ pointer: jsonPointer('hyperparameters', name), message }];
  });
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
}

/** Why an estimator takes no hyperparameter of this name, or null. */
export function faultOfName(
  estimator: string,
  { hyperparameters, only }: Estimator,
  modelType: ModelType | undefined,
  name: string,
): string | null {
  if (!Object.hasOwn(hyperparameters, name)) {
    const names = Object.keys(hyperparameters).sort();
    const meant = closestName(name, names, { left: MAX_COMPARISONS });
    const hint = meant === null ? '' : `; did you mean ${meant}?`;
    return `${estimator} has no hyperparameter ${shown(name)}${hint || `; it has ${names.join(', ')}`}`;
  }
  if (modelType && only[name] && only[name] !== modelType)
    return `${name} has a meaning for ${only[name]} only; this is ${modelType}`;
  return null;
}

/**
 * Why an estimator does not take values of a hyperparameter that it has, or null. Several are taken only where one
 * alternative of its schema takes them all: with the ends of a range it then takes what lies between them.
 */
export function faultOfValues(
  { hyperparameters }: Estimator,
  name: string,
  values: readonly unknown[],
): string | null {
  const schema = hyperparameters[name] as Record<string, unknown>;
  const alternatives = (schema.oneOf ?? schema.anyOf ?? [schema]) as Record<string, unknown>[];
  if (alternatives.some((each) => values.every((value) => ajv.validate(each, value)))) return null;
  const wrong = values.filter((value) => !ajv.validate(schema, value));
  return wrong.length > 0
    ? `${name} is ${wrong.slice(0, MAX_SHOWN).map(shown).join(', ')}; ${allowed(schema)}`
    : `${name} is anything from ${shown(values[0])} to ${shown(values.at(-1))}; ${allowed(schema)}, and not both`;
}

function shown(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80);
}

/** A schema fragment in words. */
function allowed(schema: Record<string, unknown>): string {
  const alternatives = (schema.oneOf ?? schema.anyOf) as Record<string, unknown>[] | undefined;
  if (alternatives) return alternatives.map(allowed).join(', or ');
  if (schema.enum)
    return `it must be one of ${(schema.enum as unknown[]).map((item) => JSON.stringify(item)).join(', ')}`;
  if (schema.type === 'array')
    return `it must be a list, where of each item ${allowed(schema.items as Record<string, unknown>)}`;
  if (schema.type === 'object')
    return (
      'it must be an object of names and values, where of each value ' +
      allowed(schema.additionalProperties as Record<string, unknown>)
    );
  const bounds = [
    schema.minimum !== undefined && `at least ${schema.minimum}`,
    schema.exclusiveMinimum !== undefined && `more than ${schema.exclusiveMinimum}`,
    schema.maximum !== undefined && `at most ${schema.maximum}`,
    schema.exclusiveMaximum !== undefined && `less than ${schema.exclusiveMaximum}`,
  ].filter(Boolean);
  return `it must be ${[schema.type].flat().join(' or ')}${bounds.length ? ` of ${bounds.join(' and ')}` : ''}`;
}
