export type InferenceErrorCode =
  | 'SIGNATURE_INVALID'
  | 'SIGNATURE_MISMATCH'
  | 'ARTIFACT_CORRUPT'
  | 'FEATURES_INVALID'
  | 'MODEL_RUN_FAILED'
  | 'MODEL_OUTPUT_INVALID'
  | 'MODEL_UNAVAILABLE'
  | 'GRAPH_REFUSED'
  | 'SIGNATURE_INCOMPLETE';

/** Base of every error that this library raises on purpose. */
export abstract class InferenceError extends Error {
  abstract readonly code: InferenceErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The document is not a signature of version 1, or contradicts itself. */
export class InvalidSignature extends InferenceError {
  readonly code = 'SIGNATURE_INVALID';
}

/** The graph does not have the tensors that the signature names; the message names the first one. */
export class SignatureMismatch extends InferenceError {
  readonly code = 'SIGNATURE_MISMATCH';
}

/** The bytes are not those that were published, or no graph that the runtime can read. */
export class ArtifactCorrupt extends InferenceError {
  readonly code = 'ARTIFACT_CORRUPT';
}

/** The runtime failed on tensors that the signature allows. The cause is for the log, never for a caller. */
export class ModelRunError extends InferenceError {
  readonly code = 'MODEL_RUN_FAILED';
}

/** What an output can be instead of an answer. */
export const OUTPUT_FAULTS = [
  'not_finite',
  'no_probability',
  'sum',
  'label',
  'unknown_class',
  'length',
] as const;
export type OutputFault = (typeof OUTPUT_FAULTS)[number];

/** The graph answered with something that is no prediction, or not what its signature says. */
export class ModelOutputError extends InferenceError {
  readonly code = 'MODEL_OUTPUT_INVALID';

  constructor(
    readonly fault: OutputFault,
    /** What the output did, without the row. */
    readonly deed: string,
    /** Of the rows that were asked for together; absent where it is all of them. */
    readonly row?: number,
  ) {
    super(row === undefined ? deed : `${deed} (row ${row})`);
  }
}

/** The process that runs the model died, hung or may not start yet. Nothing is wrong with the request. */
export class ModelUnavailable extends InferenceError {
  readonly code = 'MODEL_UNAVAILABLE';

  constructor(
    message: string,
    /** When it is worth to ask again. */
    readonly retryAfterSeconds: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The file is not let in; the message is a sentence for the one who made it. */
export class GraphRefused extends InferenceError {
  readonly code = 'GRAPH_REFUSED';
}

/** What the caller says of the graph does not fit it, or leaves something open. */
export class SignatureIncomplete extends InferenceError {
  readonly code = 'SIGNATURE_INCOMPLETE';

  constructor(
    message: string,
    /** JSON pointer into what the caller said. */
    readonly pointer: string,
  ) {
    super(message);
  }
}
