/** What went wrong, for callers that map errors to answers; messages are fit for the caller of an API. */
export type ObjectStoreErrorCode =
  | 'INVALID_OBJECT_URI'
  | 'OBJECT_NOT_FOUND'
  | 'OBJECT_EXISTS'
  | 'OBJECT_TOO_LARGE'
  | 'OBJECT_CONFLICT'
  | 'DIGEST_MISMATCH'
  | 'INVALID_RANGE'
  | 'TOO_MANY_OBJECTS'
  | 'OBJECT_STORE_UNAVAILABLE'
  | 'STORAGE_FULL';

/** Base of every error that the store raises on purpose; anything else passes as it is. */
export abstract class ObjectStoreError extends Error {
  abstract readonly code: ObjectStoreErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The text is not the name of an object; the message names the fault. */
export class InvalidObjectUri extends ObjectStoreError {
  readonly code = 'INVALID_OBJECT_URI';
}

export class ObjectNotFound extends ObjectStoreError {
  readonly code = 'OBJECT_NOT_FOUND';
}

/** `ifAbsent` was asked for and another writer was first. */
export class ObjectExists extends ObjectStoreError {
  readonly code = 'OBJECT_EXISTS';
}

export class ObjectTooLarge extends ObjectStoreError {
  readonly code = 'OBJECT_TOO_LARGE';
}

/** A folder store cannot keep both `a` and `a/b`. */
export class ObjectConflict extends ObjectStoreError {
  readonly code = 'OBJECT_CONFLICT';
}

/** The bytes that arrived are not the ones whose SHA-256 was announced. */
export class DigestMismatch extends ObjectStoreError {
  readonly code = 'DIGEST_MISMATCH';
}

/** The range starts at or past the end of the object. `size` is the object's, in bytes. */
export class InvalidRange extends ObjectStoreError {
  readonly code = 'INVALID_RANGE';

  constructor(
    message: string,
    readonly size: number,
  ) {
    super(message);
  }
}

/** A pattern names more objects than the caller allows. */
export class TooManyObjects extends ObjectStoreError {
  readonly code = 'TOO_MANY_OBJECTS';
}

/** The server that keeps the objects cannot be reached, is too slow, refuses us or lacks the bucket. */
export class ObjectStoreUnavailable extends ObjectStoreError {
  readonly code = 'OBJECT_STORE_UNAVAILABLE';
}

/** There is no room for more bytes; deleting makes some. */
export class ObjectStoreFull extends ObjectStoreError {
  readonly code = 'STORAGE_FULL';
}
