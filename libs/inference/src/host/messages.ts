import type { ScannedGraph } from '../gate/scan.js';
import type { SentTensor } from '../sent-tensor.js';
import type { SignatureDefinition } from '../signature-definition.js';

export interface LoadRequest {
  readonly type: 'load';
  readonly sha256: string;
  readonly definition: SignatureDefinition;
}

export interface RunRequest {
  readonly type: 'run';
  readonly id: number;
  readonly feeds: readonly SentTensor[];
  readonly fetches: readonly string[];
  /** An output with more values than this is refused instead of being sent back. */
  readonly maxValues: number;
}

export type Request = LoadRequest | RunRequest;

/** `scanned`, `ready` and `refused` answer the file and `load`, the others a run; `cause` is for the log alone. */
export type Reply =
  | { readonly type: 'scanned'; readonly graph: ScannedGraph }
  | { readonly type: 'ready' }
  | { readonly type: 'refused'; readonly message: string; readonly cause?: string }
  | { readonly type: 'answer'; readonly id: number; readonly outputs: readonly SentTensor[] }
  | { readonly type: 'failed'; readonly id: number; readonly message: string; readonly cause?: string };
