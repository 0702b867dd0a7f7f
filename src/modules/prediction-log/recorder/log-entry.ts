import type { PredictionBody } from '../predictions.dto.js';
import type { PredictRequest } from '../predict-request.js';

/** What the serving path hands over: references, so that handing over costs next to nothing. */
export interface LogEntry {
  readonly tenant: string;
  readonly request: Pick<PredictRequest, 'rows' | 'single'>;
  readonly answer: PredictionBody;
}

/** `req-` before the UUID. */
const PREFIX_LENGTH = 4;

export function requestUuid(requestId: string): string {
  return requestId.slice(PREFIX_LENGTH);
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
] as const;

/**
 * The JSON text of one row. Ids, tenant and version are checked texts without anything to escape.
 * @param redacted names of features that must not be kept
 */
export function encodeEntry({ tenant, request, answer }: LogEntry, redacted?: ReadonlySet<string>): string {
  const rows = redacted ? request.rows.map((row) => without(row as object, redacted)) : request.rows;
  const features = storable(JSON.stringify(request.single ? rows[0] : rows));
  // Warnings quote values of features, and say nothing that the features do not.
  const { prediction, confidence, probabilities, classes } = answer;
  const output = storable(JSON.stringify({ prediction, confidence, probabilities, classes }));
  return (
    `{"request_id":"${requestUuid(answer.request_id)}","tenant_id":"${tenant}","model_id":"${answer.model_id}",` +
    `"version":"${answer.version}","row_count":${rows.length},"latency_ms":${answer.latency_ms},` +
    `"features":${features},"output":${output}}`
  );
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

/** Milliseconds since 1970 in the first 48 bits of a UUIDv7 (RFC 9562, section 5.7). */
export function timeOf(uuid: string): number {
  return parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
}

/** The least UUID whose time is `ms`. */
export function floorOf(ms: number): string {
  const hex = Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
