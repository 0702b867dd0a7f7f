import type { Label } from '#libs/inference';
import { type FieldError, fieldsProblem, invalid, jsonPointer } from '../../platform/errors/problem.js';
import { COVERAGE_RULE, isCoverage } from './is-coverage.decorator.js';

/** The checked body of a prediction; `features` is left as it came, for the model's signature to judge. */
export interface PredictRequest {
  /** The model as the caller names it: by id, by name or by name@stage. */
  readonly model: string;
  readonly version: string | undefined;
  readonly rows: readonly unknown[];
  /** Keys of entities whose features fill up the rows, one object a row; undefined where none are named. */
  readonly entities: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** Whether the caller sent one row as an object rather than a list of rows. */
  readonly single: boolean;
  readonly returnProbabilities: boolean;
  readonly returnExplanation: boolean;
  /** Whether each member of an ensemble is to be told with its own answer. */
  readonly returnMembers: boolean;
  /** The class whose probability is explained; undefined for the predicted one. Only with `returnExplanation`. */
  readonly explainedClass: Label | undefined;
  /** Coverage of the interval or the set of classes that is asked for; undefined where none is. */
  readonly coverage: number | undefined;
}

const FIELDS = new Set(['model_id', 'version', 'features', 'entities', 'options']);
const OPTIONS = new Set([
  'return_probabilities',
  'return_explanation',
  'return_members',
  'return_interval',
  'class',
]);
const LABEL_TYPES = ['string', 'number', 'boolean'];

/**
 * Checks the envelope by hand: it stands on the serving path, where copying a thousand rows into a DTO costs more
 * than scoring them.
 * @throws Problem 400 with every fault
 */
export function parsePredictRequest(body: unknown, maxRows: number): PredictRequest {
  const errors: FieldError[] = [];
  const fault = (message: string, ...path: (string | number)[]) =>
    errors.push({ pointer: jsonPointer(...path), message });

  if (!isObject(body)) throw invalid('', 'the body must be a JSON object');
  const { model_id: model, version, features, entities, options = {} } = body;
  if (typeof model !== 'string') fault('must be a string', 'model_id');
  if (version !== undefined && typeof version !== 'string')
    fault('must be a string such as 1.2.0', 'version');
  for (const name of unknownNames(body, FIELDS)) fault('is not a known field', name);

  const isFilled = entities !== undefined;
  const single = !Array.isArray(isFilled ? entities : features);
  if (!isFilled || features !== undefined) {
    if (single && !isObject(features))
      fault('must be an object of features by name, or an array of such objects', 'features');
    if (Array.isArray(features) && (features.length === 0 || features.length > maxRows)) {
      fault(`must hold 1 to ${maxRows} rows, holds ${features.length}`, 'features');
    }
  }
  if (isFilled) checkEntities(entities, features, maxRows, fault);

  if (!isObject(options)) fault('must be an object', 'options');
  const {
    return_probabilities: probabilities,
    return_explanation: explanation,
    return_members: members,
    class: label,
    return_interval: coverage,
  } = (isObject(options) ? options : {}) as Record<string, unknown>;
  for (const name of unknownNames(options, OPTIONS)) fault('is not a known field', 'options', name);
  if (probabilities !== undefined && typeof probabilities !== 'boolean')
    fault('must be true or false', 'options', 'return_probabilities');
  if (explanation !== undefined && typeof explanation !== 'boolean')
    fault('must be true or false', 'options', 'return_explanation');
  if (members !== undefined && typeof members !== 'boolean')
    fault('must be true or false', 'options', 'return_members');
  if (label !== undefined && !LABEL_TYPES.includes(typeof label))
    fault('must be a class of the model: a text, a number, true or false', 'options', 'class');
  else if (label !== undefined && explanation !== true)
    fault('says what to explain, and needs return_explanation', 'options', 'class');
  if (coverage !== undefined && !isCoverage(coverage)) fault(COVERAGE_RULE, 'options', 'return_interval');

  if (errors.length > 0) {
    throw fieldsProblem('INVALID_REQUEST', errors);
  }
  return {
    model: model as string,
    version: version as string | undefined,
    rows: rowsOf(features, entities),
    entities: isFilled ? ((single ? [entities] : entities) as Record<string, unknown>[]) : undefined,
    single,
    returnProbabilities: probabilities === true,
    returnExplanation: explanation === true,
    returnMembers: members === true,
    explainedClass: label as Label | undefined,
    coverage: coverage as number | undefined,
  };
}

/** What is wrong with entities beside features, which must come in the same form: both of one row, or of as many. */
function checkEntities(
  entities: unknown,
  features: unknown,
  maxRows: number,
  fault: (message: string, ...path: (string | number)[]) => void,
): void {
  const keys = 'an object of key columns';
  if (!Array.isArray(entities)) {
    if (!isObject(entities)) fault(`must be ${keys}, or an array of such objects`, 'entities');
    return;
  }
  if (entities.length === 0 || entities.length > maxRows)
    fault(`must hold 1 to ${maxRows} rows, holds ${entities.length}`, 'entities');
  for (const [row, one] of entities.entries()) if (!isObject(one)) fault(`must be ${keys}`, 'entities', row);
  if (features === undefined) return;
  if (!Array.isArray(features) || features.length !== entities.length)
    fault(`must be an array of as many rows as entities, ${entities.length}`, 'features');
  else
    for (const [row, one] of features.entries())
      if (!isObject(one)) fault('must be an object of features by name', 'features', row);
}

function rowsOf(features: unknown, entities: unknown): unknown[] {
  if (features === undefined) return Array.isArray(entities) ? entities.map(() => ({})) : [{}];
  return Array.isArray(features) ? features : [features];
}

/** An explained row costs as much as so many that are only predicted; it takes the model a hundred times longer still. */
const EXPLAINED_ROW = 100;

/** What an unchecked body costs in tokens: its rows, 1 where it has none to count, and more where they are explained. */
export function costOf(body: unknown): number {
  const { features, entities, options } = isObject(body) ? body : {};
  const list = features ?? entities;
  const rows = Array.isArray(list) ? Math.max(1, list.length) : 1;
  return costOfRows(rows, isObject(options) && options.return_explanation === true);
}

export function costOfRows(rows: number, areExplained: boolean): number {
  return areExplained ? rows * EXPLAINED_ROW : rows;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownNames(value: unknown, known: ReadonlySet<string>): string[] {
  return isObject(value) ? Object.keys(value).filter((name) => !known.has(name)) : [];
}
