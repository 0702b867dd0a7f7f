import { ObjectNotFound, ObjectStoreError, ObjectStoreUnavailable } from './errors.js';
import { ObjectConflict, ObjectExists, ObjectStoreFull, ObjectTooLarge } from './errors.js';
import { formatObjectUri, type ObjectAddress } from './object-uri.js';

/** The parts of an error of the SDK or of a socket that are looked at here. */
interface Failure {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

const REFUSED = ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied', 'Forbidden'];
const EXPIRED = ['ExpiredToken', 'InvalidToken', 'TokenRefreshRequired', 'RequestTimeTooSkewed'];
const UNREACHABLE = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];
const CUT = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'];
const LATE = ['TimeoutError', 'AbortError', 'RequestTimeout'];

/** Translates an error of the SDK into one of the store; what the server said is its `cause`, for the log. */
export function toStoreError(error: unknown, address: ObjectAddress | { bucket: string }): Error {
  if (error instanceof ObjectStoreError || error instanceof RangeError) return error;
  const failure = error as Failure;
  const name = failure.name ?? '';
  const code = failure.code ?? '';
  const status = failure.$metadata?.httpStatusCode;
  const uri = 'key' in address ? formatObjectUri(address) : `s3://${address.bucket}/`;
  if (name === 'NoSuchKey' || name === 'NotFound') return new ObjectNotFound(`${uri} does not exist`);
  if (status === 412 || name === 'PreconditionFailed') return new ObjectExists(`${uri} exists`);
  if (name === 'EntityTooLarge') return new ObjectTooLarge('the object is larger than its server takes');
  if (status === 507) return new ObjectStoreFull('the object store is full');
  if (name === 'ExistingObjectIsFile' || name === 'ExistingObjectIsDirectory')
    return new ObjectConflict('the key is a folder of other objects, or passes through an object');
  return new ObjectStoreUnavailable(explain(), { cause: withoutRequest(failure) });

  function explain(): string {
    if (name === 'NoSuchBucket') return `the object store has no bucket ${address.bucket}`;
    if (REFUSED.includes(name)) return `the object store refuses this service's access key (${name})`;
    if (EXPIRED.includes(name))
      return `the object store takes this service's credentials for expired (${name})`;
    if (name === 'CredentialsProviderError')
      return 'this service has no credentials for the object store: AWS_ACCESS_KEY_ID is not set';
    if (LATE.includes(name)) return 'the object store did not answer in time; try again';
    if (UNREACHABLE.includes(code)) return 'the object store cannot be reached; try again';
    if (CUT.includes(code)) return 'the connection to the object store was cut; try again';
    if (status === 409) return `another writer is changing ${uri}; try again`;
    if (status !== undefined && status < 500) return `the object store refused the request (${name})`;
    return `the object store failed${status ? ` with ${status}` : ''}; try again`;
  }
}

/** Whether the server said that the object or its bucket is not there. */
export function isMissing(error: unknown): boolean {
  return ['NoSuchBucket', 'NoSuchKey', 'NotFound'].includes((error as Failure).name ?? '');
}

/** Copies what an error says: the error of the SDK holds the request with its signature, which no log may see. */
function withoutRequest({ name, code, message, $metadata }: Failure): Error {
  return new Error([name, code, $metadata?.httpStatusCode, message].filter(Boolean).join(' '));
}
