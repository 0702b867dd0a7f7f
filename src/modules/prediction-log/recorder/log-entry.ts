import { setImmediate } from 'node:timers/promises';
import { isLong, stringifyInTurns } from '../../../platform/http/json-in-turns.js';
import { requestUuid } from '../request-ids.js';

/** Rows whose redacted features are left out in one go. */
const ROWS_AT_ONCE = 16;

/** An answered request. The log keeps the references and copies nothing, so that handing over costs next to nothing. */
export interface LogEntry {
  readonly tenant: string;
  /** `req-` and a UUID of version 7, whose time is that of the request. */
  readonly requestId: string;
  readonly modelId: string;
  readonly version: string;
  /** Features of each row by name, as they came. */
  readonly rows: readonly unknown[];
  /** Whether the caller sent one row as an object rather than a list of rows. */
  readonly single: boolean;
  readonly latencyMs: number;
  /** One item a row. */
  readonly prediction: readonly (string | number | boolean)[];
  readonly probabilities?: readonly (readonly number[])[];
  readonly classes?: readonly (string | number | boolean)[];
  readonly confidence?: number | readonly number[];
  /** Id of the deployment whose traffic rules chose the version. */
  readonly deployment?: string;
  /** Name of the deployment's arm that answered. */
  readonly arm?: string;
  /** True where the answer was computed beside another one and nobody was given it. */
  readonly shadow?: boolean;
  /** What an ensemble's answer was made of. */
  readonly ensemble?: object;
  /** Keys of the entities whose features were looked up, by name; one object a row. */
  readonly entityKeys?: readonly object[];
}

/** The columns of a row, in the order in which the insert takes them. */
export const COLUMNS = [
  ['request_id', 'uuid'],
  ['tenant_id', 'text'],
  ['model_id', 'uuid'],
  ['version', 'text'],
  ['row_count', 'integer'],
  ['latency_ms', 'double precision'],
  ['features', 'json'],
  ['output', 'json'],
  ['deployment', 'text'],
  ['arm', 'text'],
  ['shadow', 'boolean'],
  ['ensemble', 'json'],
  ['entity_keys', 'json'],
] as const;

/**
 * The JSON text of one row. Ids, tenant and version are checked texts without anything to escape.
 * @param redacted names of features and entity keys that must not be kept
 */
export function encodeEntry(entry: LogEntry, redacted?: ReadonlySet<string>): string {
  const features = encodeRows(entry.rows, entry.single, redacted);
  return textOf(entry, features, encode(outputOf(entry)), redacted);
}

/** Whether encoding the entry in one go would hold up the requests. */
export function isLongEntry(entry: LogEntry): boolean {
  return isLong(entry.rows) || (entry.probabilities !== undefined && isLong(entry.probabilities));
}

/** As `encodeEntry`, a piece at a time. */
export async function encodeInTurns(entry: LogEntry, redacted?: ReadonlySet<string>): Promise<string> {
  const { rows, single } = entry;
  const kept: unknown[] = [];
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    kept.push(...keptOf(rows.slice(from, from + ROWS_AT_ONCE), redacted));
    if (redacted) await setImmediate();
  }
  const features = single ? JSON.stringify(kept[0]) : await stringifyInTurns(kept);
  const output = await stringifyInTurns(outputOf(entry));
  return textOf(entry, storable(features), storable(output), redacted);
}

function outputOf({ prediction, confidence, probabilities, classes }: LogEntry): object {
  return { prediction, confidence, probabilities, classes };
}

function textOf(entry: LogEntry, features: string, output: string, redacted?: ReadonlySet<string>): string {
  return (
    `{"request_id":"${requestUuid(entry.requestId)}","tenant_id":"${entry.tenant}","model_id":"${entry.modelId}",` +
    `"version":"${entry.version}","row_count":${entry.rows.length},"latency_ms":${entry.latencyMs},` +
    `"features":${features},"output":${output}${encodeOrigin(entry, redacted)}}`
  );
}

/** How the answer came about: what most entries say nothing of is not written. */
function encodeOrigin(
  { deployment, arm, shadow, ensemble, entityKeys, single }: LogEntry,
  redacted?: ReadonlySet<string>,
): string {
  let text = '';
  if (deployment !== undefined) text += `,"deployment":${encode(deployment)}`;
  if (arm !== undefined) text += `,"arm":${encode(arm)}`;
  if (shadow) text += ',"shadow":true';
  if (ensemble) text += `,"ensemble":${encode(ensemble)}`;
  if (entityKeys) text += `,"entity_keys":${encodeRows(entityKeys, single, redacted)}`;
  return text;
}

function encodeRows(rows: readonly unknown[], single: boolean, redacted?: ReadonlySet<string>): string {
  const kept = keptOf(rows, redacted);
  return encode(single ? kept[0] : kept);
}

function keptOf(rows: readonly unknown[], redacted?: ReadonlySet<string>): readonly unknown[] {
  return redacted ? rows.map((row) => without(row as object, redacted)) : rows;
}

function encode(value: unknown): string {
  return storable(JSON.stringify(value));
}

/** NUL and halves of surrogate pairs, which PostgreSQL does not keep, as U+FFFD; each escape is looked at once. */
function storable(json: string): string {
  if (!json.includes('\\u')) return json;
  return json.replace(/\\(?:u(?:0000|d[89a-f][0-9a-f]{2})|.)/g, (found) =>
    found.length > 2 ? '\ufffd' : found,
  );
}

function without(row: object, names: ReadonlySet<string>): object {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.has(name)));
}

/**
 * Whether a share of `rate` of all requests holds this one: by its random bits, so that a retry is judged alike.
 */
export function isSampled(requestId: string, rate: number): boolean {
  return rate >= 1 || parseInt(requestId.slice(-8), 16) < rate * 2 ** 32;
}
