import { type FieldError, fieldsProblem, invalid, jsonPointer } from '../../../platform/errors/problem.js';
import { isObject } from './online-request.js';
import type { EntityRow } from './read-plan.js';

export const DESTINATIONS = ['online_and_offline', 'online', 'offline'] as const;
export type Destination = (typeof DESTINATIONS)[number];

/** The checked body of a push; rows are left for the view to judge. */
export interface PushRequest {
  /** Name of a view, or name@v2. */
  readonly view: string;
  readonly rows: readonly EntityRow[];
  readonly to: Destination;
}

const FIELDS = new Set(['view', 'rows', 'to']);

/** @throws Problem 400 with every fault of the envelope */
export function parsePushRequest(body: unknown, maxRows: number): PushRequest {
  if (!isObject(body)) throw invalid('', 'the body must be a JSON object');
  const errors: FieldError[] = [];
  const fault = (message: string, ...path: (string | number)[]) =>
    errors.push({ pointer: jsonPointer(...path), message });
  const { view, rows, to = DESTINATIONS[0] } = body;
  for (const name in body) if (!FIELDS.has(name)) fault('is not a known field', name);
  if (typeof view !== 'string') fault('must be the name of a view', 'view');
  if (!DESTINATIONS.includes(to as Destination)) fault(`must be one of ${DESTINATIONS.join(', ')}`, 'to');
  if (!Array.isArray(rows)) fault('must be an array of objects', 'rows');
  else if (rows.length === 0 || rows.length > maxRows)
    fault(`must hold 1 to ${maxRows} rows, holds ${rows.length}`, 'rows');
  else
    for (const [at, row] of rows.entries())
      if (!isObject(row)) fault('must be an object of key columns, times and features', 'rows', at);
  if (errors.length > 0) throw fieldsProblem('INVALID_REQUEST', errors);
  return { view: view as string, rows: rows as EntityRow[], to: to as Destination };
}
