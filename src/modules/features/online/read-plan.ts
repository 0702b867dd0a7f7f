import {
  entityKeyReader,
  type FeatureStatus,
  isExpired,
  type JsonValue,
  type KeyColumn,
  type OnlineValue,
  ttlMicroseconds,
  UnfitKey,
  valueAt,
} from '#libs/features';
import { type FieldError, fieldsProblem, jsonPointer } from '../../../platform/errors/problem.js';
import type { ResolvedFeature } from '../catalog/tenant-features.js';
import type { OnDemandView, RequestInput, StoredView } from '../definitions/definitions.js';
import { askFor, checkAsked, type Evaluate, evaluatorOf } from './computed-feature.js';

export type EntityRow = Readonly<Record<string, unknown>>;

/** A feature that is to be read, and what it is called in the answer. */
export interface WantedFeature {
  readonly resolved: ResolvedFeature;
  readonly name: string;
  /** Stands for a value that is null for whatever reason; undefined where nothing does. */
  readonly default?: JsonValue;
}

/** A version of a view of which each row reads one value. */
interface ViewRead {
  /** The view as its first reference names it: with the version where that does. */
  readonly label: string;
  readonly keys: readonly KeyColumn[];
  readonly keyPrefix: string;
  readonly keyOf: (row: EntityRow) => string;
  /** Microseconds; Infinity for no end. */
  readonly ttl: number;
}

/** A value that is kept, and where. */
interface StoredValue {
  readonly name: string;
  /** Index into the reads of the plan. */
  readonly read: number;
  /** Index into the layout of the view. */
  readonly slot: number;
  /** What an entity has of which there is no value. */
  readonly ofNoEntity: JsonValue;
}

/** A value that is computed. */
interface ComputedValue {
  readonly name: string;
  /** Index into the inputs of the plan. */
  readonly inputs: number;
  readonly evaluate: Evaluate;
}

interface PlannedFeature {
  readonly name: string;
  readonly value: StoredValue | ComputedValue;
  readonly default: JsonValue;
}

/** What the expressions of a view on demand read, under the names that they call it by. */
interface Inputs {
  readonly label: string;
  readonly request: readonly RequestInput[];
  readonly stored: readonly StoredValue[];
}

/** How a list of features is read for any number of entity rows. Made once for a request of the same features. */
export interface ReadPlan {
  readonly reads: readonly ViewRead[];
  readonly features: readonly PlannedFeature[];
  /** One a view on demand. */
  readonly inputs: readonly Inputs[];
  /** What an entity row must hold for features on demand, by name. */
  readonly asked: ReadonlyMap<string, RequestInput>;
  /** What an entity row must hold, and all that it may hold: keys, and what is asked for. */
  readonly columns: ReadonlySet<string>;
  /**
   * The names of columns and features, to be copied and filled, which takes a sixth of the time of letting an object
   * grow. Their values are null until then, of whatever type they shall be.
   */
  readonly emptyRow: Readonly<Record<string, never>>;
  /** The same of features alone. */
  readonly emptyFeatures: Readonly<Record<string, never>>;
}

/**
 * @param resolve what references of views on demand read
 * @param keyPrefix what the Redis keys of a view begin with
 * @param pointer the field of the request that lists the features
 * @throws Problem 422 where two things in a row of the answer would have one name
 */
export function compilePlan(
  wanted: readonly WantedFeature[],
  resolve: (references: readonly string[]) => readonly ResolvedFeature[],
  keyPrefix: (view: StoredView) => string,
  pointer: string,
): ReadPlan {
  const reads: ViewRead[] = [];
  const inputs: Inputs[] = [];
  const asked = new Map<string, RequestInput>();

  const storedValue = (view: StoredView, { reference, feature: { name } }: ResolvedFeature): StoredValue => {
    const label = labelOf(reference);
    let read = reads.findIndex((one) => one.label === label);
    if (read === -1) {
      const ttl = ttlMicroseconds(view.ttl_seconds);
      const keyOf = entityKeyReader(view.keys);
      read = reads.push({ label, keys: view.keys, keyPrefix: keyPrefix(view), keyOf, ttl }) - 1;
    }
    return { name, read, slot: view.layout.indexOf(name), ofNoEntity: ofNoEntity(view, name) };
  };
  const inputsOf = (view: OnDemandView, label: string, at: number): number => {
    const known = inputs.findIndex((one) => one.label === label);
    if (known !== -1) return known;
    askFor(asked, view, pointer + jsonPointer(at));
    const stored = resolve(view.inputs.features).map((resolved) => {
      // A definition that reads features on demand is refused.
      return storedValue(resolved.view as StoredView, resolved);
    });
    return inputs.push({ label, request: view.inputs.request, stored }) - 1;
  };

  const features = wanted.map(({ resolved, name, default: standIn = null }, at): PlannedFeature => {
    const { view, feature, reference } = resolved;
    const value =
      view.kind === 'stored'
        ? storedValue(view, resolved)
        : {
            name: feature.name,
            inputs: inputsOf(view, labelOf(reference), at),
            evaluate: evaluatorOf(view, feature.name),
          };
    return { name, value, default: standIn };
  });
  const columns = new Set([...reads.flatMap(({ keys }) => keys.map(({ name }) => name)), ...asked.keys()]);
  refuseSameNames(features, columns, pointer);
  const emptyFeatures = emptyOf(features.map(({ name }) => name));
  const emptyRow = { ...emptyOf(columns), ...emptyFeatures };
  return { reads, features, inputs, asked, columns, emptyRow, emptyFeatures };
}

function emptyOf(names: Iterable<string>): Record<string, never> {
  return Object.fromEntries(Array.from(names, (name) => [name, null as never]));
}

/** A view as a reference names it. */
export function labelOf(reference: string): string {
  return reference.slice(0, reference.indexOf(':'));
}

/** Where nothing has happened to an entity, nothing is what is counted. */
function ofNoEntity(view: StoredView, name: string): JsonValue {
  const counts = view.aggregations.find((aggregation) => aggregation.name === name)?.function;
  return counts === 'count' || counts === 'count_distinct' ? 0 : null;
}

function refuseSameNames(
  features: readonly PlannedFeature[],
  columns: ReadonlySet<string>,
  pointer: string,
): void {
  const taken = new Set(columns);
  const errors: FieldError[] = [];
  for (const [at, { name }] of features.entries()) {
    const other = columns.has(name) ? 'a column of entity rows' : 'another feature of the request';
    const message = `would be called '${name}' in the answer, as ${other} is; set full_feature_names, or rename it in a feature service`;
    if (taken.has(name)) errors.push({ pointer: pointer + jsonPointer(at), message });
    taken.add(name);
  }
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
}

/**
 * The Redis keys of rows: those of all reads of the first row, of the second, and so on.
 * @param pointerOf the field of the request that holds a row
 * @throws Problem 422 naming every key that is no key, every value that is asked for and does not fit, and every column
 * that nothing reads
 */
export function keysOf(
  { reads, asked, columns }: ReadPlan,
  rows: readonly EntityRow[],
  pointerOf: (row: number) => string,
): string[] {
  const keys: string[] = [];
  const errors: FieldError[] = [];
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at]!;
    for (const name in row)
      if (!columns.has(name)) {
        const known = [...columns].join(', ');
        errors.push({
          pointer: pointerOf(at) + jsonPointer(name),
          message: `is nothing that the features are read by: ${known}`,
        });
      }
    if (asked.size > 0) checkAsked(asked, row, pointerOf(at), errors);
    for (const { keyPrefix, keyOf } of reads) {
      try {
        keys.push(keyPrefix + keyOf(row));
      } catch (error) {
        if (!(error instanceof UnfitKey)) throw error;
        const { column, message } = error;
        const pointer = pointerOf(at) + (column === undefined ? '' : jsonPointer(column));
        // Views of one entity find the same fault.
        if (!errors.some((one) => one.pointer === pointer)) errors.push({ pointer, message });
      }
    }
  }
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
  return keys;
}

/** What the features of one row are at an instant. */
export interface RowReader {
  /** Adds every feature of a row to `result`, and its status to `statuses`. */
  (
    row: EntityRow,
    values: readonly (OnlineValue | null)[],
    result: Record<string, JsonValue>,
    statuses?: Record<string, FeatureStatus>,
  ): void;
}

/** @param now microseconds since 1970 */
export function rowReader({ reads, features, inputs }: ReadPlan, now: number): RowReader {
  const expired: boolean[] = [];
  const given: Record<string, unknown>[] = [];
  const read = ({ read: at, slot, ofNoEntity }: StoredValue, held: OnlineValue | null): JsonValue =>
    held === null ? ofNoEntity : expired[at] ? null : (valueAt(held, slot) ?? null);
  return (row, values, result, statuses) => {
    for (let at = 0; at < reads.length; at++) {
      const value = values[at]!;
      expired[at] = value !== null && isExpired(value, reads[at]!.ttl, now);
    }
    for (const [at, { request, stored }] of inputs.entries()) {
      const named: Record<string, unknown> = {};
      for (const { name } of request) named[name] = row[name];
      for (const value of stored) named[value.name] = read(value, values[value.read]!);
      given[at] = named;
    }
    for (const { name, value, default: standIn } of features) {
      const isStored = 'read' in value;
      const found = isStored ? read(value, values[value.read]!) : value.evaluate(given[value.inputs]!);
      result[name] = found ?? standIn;
      if (!statuses) continue;
      if (isStored) statuses[name] = statusOf(values[value.read]!, expired[value.read]!, value.slot);
      else statuses[name] = found === null ? 'NULL' : 'PRESENT';
    }
  };
}

function statusOf(held: OnlineValue | null, expired: boolean, slot: number): FeatureStatus {
  if (held === null) return 'MISSING';
  if (expired) return 'EXPIRED';
  const value = valueAt(held, slot);
  if (value === undefined) return 'MISSING';
  return value === null ? 'NULL' : 'PRESENT';
}
