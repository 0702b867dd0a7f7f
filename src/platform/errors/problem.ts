import { ERROR_STATUS, type ErrorCode } from './error-code.js';

/** One field's fault; `pointer` is a JSON pointer (RFC 6901) into the request body, or a query parameter's name. */
export interface FieldError {
  pointer: string;
  message: string;
}

/** An answer that the caller can act on: problem details of RFC 9457. Anything else that is thrown is a 500. */
export class Problem extends Error {
  readonly status: number;

  constructor(
    readonly code: ErrorCode,
    readonly detail: string,
    readonly extra: { errors?: readonly FieldError[]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.status = ERROR_STATUS[code];
  }
}

/** The body of its answer. */
export function problemBody({ code, status, detail, extra }: Problem, requestId: string): object {
  return {
    type: 'about:blank',
    title: TITLES[code],
    status,
    code,
    detail,
    request_id: requestId,
    ...(extra.errors && { errors: extra.errors }),
  };
}

const TITLES: Record<ErrorCode, string> = {
  INVALID_REQUEST: 'Malformed request',
  UNAUTHORIZED: 'Invalid token',
  FORBIDDEN: 'Not allowed',
  NOT_FOUND: 'Does not exist',
  MODEL_NOT_FOUND: 'Model does not exist',
  JOB_NOT_FOUND: 'Job does not exist',
  METHOD_NOT_ALLOWED: 'Method not allowed',
  MODEL_EXISTS: 'Model exists',
  STAGE_CONFLICT: 'Invalid stage transition',
  VERSION_FILLED: 'Version has an artifact',
  JOB_ENDED: 'Job has ended',
  JOB_STATE_CONFLICT: 'Not in this state of the job',
  OBJECT_CONFLICT: 'Object in the way',
  OUTPUT_EXISTS: 'Output exists',
  FEATURE_CONFLICT: 'In conflict with what uses the definition',
  IDEMPOTENCY_IN_FLIGHT: 'Request in progress',
  PRECONDITION_FAILED: 'Changed meanwhile',
  PAYLOAD_TOO_LARGE: 'Too large',
  UNSUPPORTED_MEDIA_TYPE: 'Unsupported media type',
  RANGE_NOT_SATISFIABLE: 'Range not satisfiable',
  VALIDATION_ERROR: 'Validation failed',
  IDEMPOTENCY_MISMATCH: 'Idempotency key of another request',
  PRECONDITION_REQUIRED: 'If-Match required',
  RATE_LIMITED: 'Too many requests',
  INTERNAL_ERROR: 'Server error',
  OBJECT_STORE_UNAVAILABLE: 'Object store unavailable',
  RAY_UNAVAILABLE: 'Ray cluster unreachable',
  DATABASE_UNAVAILABLE: 'Database unreachable',
  AUTH_UNAVAILABLE: 'Identity provider unreachable',
  MODEL_UNAVAILABLE: 'Model unavailable',
  WORKER_BUSY: 'No worker is free',
  ENGINE_UNAVAILABLE: 'Engine unavailable',
  FEATURES_UNAVAILABLE: 'Online features unavailable',
  OVERLOADED: 'Too much to do',
  ENSEMBLE_DEGRADED: 'Too few members answered',
  QUOTA_EXCEEDED: 'Quota exceeded',
  STORAGE_FULL: 'Storage full',
};

const MAX_SHOWN = 3;
const MAX_LISTED = 100;

/** A problem of several fields: the first few in the detail, at most 100 of them in `errors`. */
export function fieldsProblem(code: ErrorCode, errors: readonly FieldError[]): Problem {
  const shown = errors.slice(0, MAX_SHOWN).map(({ pointer, message }) => `${pointer} ${message}`.trim());
  const more = errors.length - MAX_LISTED;
  const listed = [
    ...errors.slice(0, MAX_LISTED),
    ...(more > 0 ? [{ pointer: '', message: `and ${more} more` }] : []),
  ];
  return new Problem(code, `${shown.join('; ')}${errors.length > MAX_SHOWN ? '; …' : ''}`, {
    errors: listed,
  });
}

/** 422: well formed, but one field does not fit the model, the data or the search space. */
export function unfit(pointer: string, message: string): Problem {
  return fieldsProblem('VALIDATION_ERROR', [{ pointer, message }]);
}

/** 400: one field of the envelope is wrong. */
export function invalid(pointer: string, message: string): Problem {
  return fieldsProblem('INVALID_REQUEST', [{ pointer, message }]);
}

/** RFC 6901: `~` and `/` in a name are written `~0` and `~1`. */
export function jsonPointer(...path: (string | number)[]): string {
  return path.map((part) => `/${String(part).replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');
}
