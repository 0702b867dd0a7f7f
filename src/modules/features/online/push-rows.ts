import {
  canonicalValue,
  entityKeyReader,
  type FeatureType,
  type JsonValue,
  parseInstant,
  toMicroseconds,
  UnfitKey,
  UnfitValue,
  type ValueTimes,
} from '#libs/features';
import { type FieldError, fieldsProblem, jsonPointer, unfit } from '../../../platform/errors/problem.js';
import type { Aggregation, StoredView } from '../definitions/definitions.js';
import { sourceColumns } from '../offline/source-columns.js';
import { ruleChecker, type Violation } from './feature-rules.js';
import type { EntityRow } from './read-plan.js';

/** A row that fits its view. */
export interface FitRow {
  /** Index into the rows of the request. */
  readonly at: number;
  readonly entityKey: string;
  readonly times: ValueTimes;
  /** Key columns, and features or columns of the source, by name. */
  readonly values: Readonly<Record<string, JsonValue>>;
  /** Rules that it breaks. */
  readonly violations: readonly Violation[];
}

/** `number` takes whole and other numbers, `scalar` also texts and booleans. */
type ColumnType = FeatureType | 'number' | 'scalar';

/** Fields of a row that are no columns of its view. */
const TIMES = ['event_timestamp', 'created', 'expires'] as const;
/** Clocks of callers may be ahead of ours by so much; a time from far ahead would keep all later rows out. */
const MAX_AHEAD_US = 300 * 1_000_000;
const MAX_FAULTS = 1000;

/**
 * Checks rows against their view, and writes every value in its one form.
 * @param now microseconds since 1970
 * @throws Problem 422 naming everything that does not fit
 */
export function checkRows(view: StoredView, rows: readonly EntityRow[], now: number): FitRow[] {
  refuseNamesOfTimes(view);
  const errors: FieldError[] = [];
  const check = rowChecker(view, now);
  const fit = rows.flatMap((row, at) => {
    if (errors.length > MAX_FAULTS) return [];
    const fault = (column: string | undefined, message: string) =>
      errors.push({ pointer: jsonPointer('rows', at, ...(column === undefined ? [] : [column])), message });
    const checked = check(row, fault);
    return checked ? [{ at, ...checked }] : [];
  });
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
  return fit;
}

type Fault = (column: string | undefined, message: string) => void;

function rowChecker(view: StoredView, now: number) {
  const keyOf = entityKeyReader(view.keys);
  const columns = columnsOf(view);
  const known = new Set<string>([...view.keys.map(({ name }) => name), ...columns.keys(), ...TIMES]);
  if (view.expires_column === null) known.delete('expires');
  const violationsOf = ruleChecker(view.features);

  return (row: EntityRow, fault: Fault): Omit<FitRow, 'at'> | undefined => {
    let isFit = true;
    const misfit: Fault = (column, message) => {
      isFit = false;
      fault(column, message);
    };
    for (const name of Object.keys(row))
      if (!known.has(name)) misfit(name, `is no column of the view: ${[...known].join(', ')}`);
    const values: Record<string, JsonValue> = {};
    let entityKey = '';
    try {
      entityKey = keyOf(row);
      refuseNul(entityKey);
    } catch (error) {
      misfit(error instanceof UnfitKey ? error.column : undefined, messageOf(error));
    }
    for (const { name, type } of view.keys) if (isFit) values[name] = canonicalValue(row[name], type);
    for (const [name, type] of columns) {
      try {
        if (!Object.hasOwn(row, name)) throw new UnfitValue('is missing; send null for no value');
        values[name] = canonicalColumn(row[name], type);
        refuseNul(values[name]);
      } catch (error) {
        misfit(name, messageOf(error));
      }
    }
    if ((row.event_timestamp ?? null) === null)
      misfit('event_timestamp', 'must be there: when what the row says was true');
    const event = timeOf(row, 'event_timestamp', now + MAX_AHEAD_US, misfit);
    const created = timeOf(row, 'created', now + MAX_AHEAD_US, misfit);
    const expires = timeOf(row, 'expires', Infinity, misfit);
    if (!isFit) return undefined;
    return {
      entityKey,
      times: { event: event!, created, expires },
      values,
      violations: violationsOf(values),
    };
  };
}

function timeOf(row: EntityRow, name: (typeof TIMES)[number], latest: number, fault: Fault): number | null {
  const value = Object.hasOwn(row, name) ? row[name] : null;
  if (value === null) return null;
  const instant = typeof value === 'string' ? parseInstant(value) : null;
  const microseconds = instant && toMicroseconds(instant);
  if (microseconds === null)
    fault(name, 'must be a date or time such as 2026-02-12T10:00:00Z in the years 1685 to 2254');
  else if (microseconds > latest) fault(name, 'must not be more than 5 minutes ahead of the clock');
  return microseconds;
}

/** What rows must hold beside keys and times: all features, since a row takes the place of the whole value. */
function columnsOf(view: StoredView): ReadonlyMap<string, ColumnType> {
  if (view.aggregations.length === 0) return new Map(view.features.map(({ name, type }) => [name, type]));
  return new Map(
    Object.keys(sourceColumns(view)).map((name) => [
      name,
      view.source.columns[name] ?? typeToSumUp(view.aggregations.find(({ column }) => column === name)!),
    ]),
  );
}

function typeToSumUp({ function: sumUp, type }: Aggregation): ColumnType {
  switch (sumUp) {
    case 'count':
    case 'count_distinct':
      return 'scalar';
    case 'sum':
    case 'mean':
    case 'stddev':
      return 'number';
    case 'last_n':
      return type.replace('_list', '') as FeatureType;
    default:
      return type;
  }
}

/** @throws UnfitValue */
function canonicalColumn(value: unknown, type: ColumnType): JsonValue {
  if (type === 'number') return canonicalValue(value, Number.isInteger(value) ? 'int64' : 'float64');
  if (type !== 'scalar') return canonicalValue(value, type);
  const types = { boolean: 'boolean', number: 'float64', string: 'string' } as const;
  return canonicalValue(value, types[typeof value as keyof typeof types] ?? 'string');
}

/** @throws UnfitValue, as the offline store is kept by PostgreSQL */
function refuseNul(value: JsonValue): void {
  if (typeof value === 'string' ? value.includes('\0') : Array.isArray(value) && value.some(hasNul))
    throw new UnfitValue('must not hold a NUL character');
}

function hasNul(value: JsonValue): boolean {
  return typeof value === 'string' && value.includes('\0');
}

function messageOf(error: unknown): string {
  if (error instanceof UnfitKey || error instanceof UnfitValue) return error.message;
  throw error;
}

/** @throws Problem 422 for a view whose columns could not be told from the times of a row */
function refuseNamesOfTimes(view: StoredView): void {
  const names = new Set([...view.keys.map(({ name }) => name), ...columnsOf(view).keys()]);
  const taken = TIMES.filter((name) => names.has(name));
  if (taken.length > 0)
    throw unfit(
      '/view',
      `has a column called ${taken.join(', ')}, as a time of a pushed row is; it takes no pushed rows`,
    );
}
