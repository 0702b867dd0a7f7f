import { type FieldError, fieldsProblem, invalid, jsonPointer } from '../../../platform/errors/problem.js';
import type { EntityRow } from './read-plan.js';

/** The checked body of a request for online features. */
export interface OnlineRequest {
  /** References; undefined where a service is named. */
  readonly references: readonly string[] | undefined;
  /** Name of a feature service; undefined where references are listed. */
  readonly service: string | undefined;
  readonly rows: readonly EntityRow[];
  readonly fullNames: boolean;
  readonly includeStatus: boolean;
  readonly includeEventTimes: boolean;
}

const FIELDS = new Set([
  'feature_refs',
  'feature_service',
  'entity_rows',
  'full_feature_names',
  'include_status',
  'include_event_times',
]);
const FLAGS = ['full_feature_names', 'include_status', 'include_event_times'] as const;
const MAX_REFERENCES = 1000;

/**
 * Checks the envelope by hand, as it stands on the serving path; entity rows are left for the features to judge.
 * @throws Problem 400 with every fault
 */
export function parseOnlineRequest(body: unknown, maxRows: number): OnlineRequest {
  if (!isObject(body)) throw invalid('', 'the body must be a JSON object');
  const errors: FieldError[] = [];
  const fault = (message: string, ...path: (string | number)[]) =>
    errors.push({ pointer: jsonPointer(...path), message });
  const { feature_refs: references, feature_service: service, entity_rows: rows } = body;
  for (const name in body) if (!FIELDS.has(name)) fault('is not a known field', name);

  if ((references === undefined) === (service === undefined))
    fault('must be there, or feature_service, and not both', 'feature_refs');
  if (service !== undefined && typeof service !== 'string')
    fault('must be the name of a feature service', 'feature_service');
  if (references !== undefined) {
    if (!Array.isArray(references) || references.length === 0 || references.length > MAX_REFERENCES)
      fault(`must be an array of 1 to ${MAX_REFERENCES} references such as view:feature`, 'feature_refs');
    else
      for (const [at, reference] of references.entries())
        if (typeof reference !== 'string') fault('must be a text such as view:feature', 'feature_refs', at);
  }
  if (!Array.isArray(rows)) fault('must be an array of objects of key columns', 'entity_rows');
  else if (rows.length === 0 || rows.length > maxRows)
    fault(`must hold 1 to ${maxRows} rows, holds ${rows.length}`, 'entity_rows');
  else
    for (let at = 0; at < rows.length; at++)
      if (!isObject(rows[at])) fault('must be an object of key columns', 'entity_rows', at);
  for (const name of FLAGS)
    if (body[name] !== undefined && typeof body[name] !== 'boolean') fault('must be true or false', name);
  if (service !== undefined && body.full_feature_names === true)
    fault('is for feature_refs; a feature service has names of its own', 'full_feature_names');
  if (errors.length > 0) throw fieldsProblem('INVALID_REQUEST', errors);
  return {
    references: references as string[] | undefined,
    service: service as string | undefined,
    rows: rows as EntityRow[],
    fullNames: body.full_feature_names === true,
    includeStatus: body.include_status === true,
    includeEventTimes: body.include_event_times === true,
  };
}

/** What an unchecked body costs in tokens: its entity rows, 1 where it has none to count. */
export function costOfRows(body: unknown): number {
  const rows = isObject(body) ? (body.entity_rows ?? body.rows) : undefined;
  return Array.isArray(rows) ? Math.max(1, rows.length) : 1;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
