import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { PROJECT_ROOT } from '../../config/project.js';
import { type FieldError, fieldsProblem, jsonPointer, unfit } from '../../platform/errors/problem.js';
import type { ModelType } from '../models/model.entity.js';

export const TRAINABLE_FRAMEWORKS = ['sklearn', 'xgboost', 'lightgbm'] as const;
export type TrainableFramework = (typeof TRAINABLE_FRAMEWORKS)[number];

interface Estimator {
  model_types: ModelType[];
  hyperparameters: Record<string, Record<string, unknown>>;
  /** Hyperparameters that exist for one model type. */
  only: Record<string, ModelType>;
  /** By field of a request's `training_config`, and its `batch_size`: the hyperparameter that it is. */
  training_config: Record<string, { hyperparameter?: string }>;
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

function choose(framework: TrainableFramework, modelType: ModelType | undefined, names: string[]): string {
  const { default: preferred, estimators } = frameworks[framework];
  const fitting = Object.entries(estimators)
    .filter(([, { model_types }]) => !modelType || model_types.includes(modelType))
    .map(([name]) => name);
  if (names.length === 0) return fitting.includes(preferred) ? preferred : (fitting[0] as string);
  const having = (count: (known: Record<string, unknown>) => boolean) =>
    fitting.find((name) => count((estimators[name] as Estimator).hyperparameters));
  // Where none has all of the names, the one that has most of them explains best what is wrong.
  return (
    having((known) => names.every((name) => Object.hasOwn(known, name))) ??
    mostInCommon(fitting, estimators, names)
  );
}

function mostInCommon(fitting: string[], estimators: Record<string, Estimator>, names: string[]): string {
  const known = (estimator: string) =>
    names.filter((name) => Object.hasOwn((estimators[estimator] as Estimator).hyperparameters, name)).length;
  return fitting.reduce((best, next) => (known(next) > known(best) ? next : best));
}

function refuseMisfits(
  estimator: string,
  { hyperparameters, only }: Estimator,
  modelType: ModelType | undefined,
  given: Record<string, unknown>,
): void {
  const errors: FieldError[] = [];
  const names = Object.keys(hyperparameters).sort().join(', ');
  for (const [name, value] of Object.entries(given)) {
    const pointer = jsonPointer('hyperparameters', name);
    if (!Object.hasOwn(hyperparameters, name)) {
      errors.push({
        pointer,
        message: `${estimator} has no hyperparameter ${JSON.stringify(name)}; it has ${names}`,
      });
      continue;
    }
    if (modelType && only[name] && only[name] !== modelType) {
      errors.push({ pointer, message: `${name} has a meaning for ${only[name]} only; this is ${modelType}` });
      continue;
    }
    const schema = hyperparameters[name] as Record<string, unknown>;
    if (!ajv.validate(schema, value)) errors.push({ pointer, message: describe(name, value, schema) });
  }
  if (errors.length > 0) {
    throw fieldsProblem('VALIDATION_ERROR', errors);
  }
}

function describe(name: string, value: unknown, schema: Record<string, unknown>): string {
  const shown = JSON.stringify(value)?.slice(0, 80);
  return `${name} is ${shown}; ${allowed(schema)}`;
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
