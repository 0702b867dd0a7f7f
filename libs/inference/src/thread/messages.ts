import type { GraphValueInfo } from '../local-graph.js';
import type { RunCost } from '../run-cost.js';
import type { SentTensor } from '../sent-tensor.js';
import type { InputTensor } from '../signature-definition.js';

/** The inputs and outputs of the runs by which a graph is measured once it is built. */
export interface Probe {
  readonly tensors: readonly InputTensor[];
  readonly fetches: readonly string[];
}

export interface LoadRequest {
  readonly type: 'load';
  readonly graph: number;
  /** The file. Its memory moves to the thread, and back with the answer. */
  readonly bytes: Uint8Array;
  /** The lower-case hex SHA-256 that `bytes` must have. */
  readonly sha256: string;
  readonly probe: Probe;
}

export interface RunRequest {
  readonly type: 'run';
  readonly graph: number;
  /** The tensors of each request; all requests are run together. */
  readonly requests: readonly (readonly SentTensor[])[];
  readonly fetches: readonly string[];
}

export type Request =
  LoadRequest | RunRequest | { readonly type: 'release'; readonly graph: number } | { readonly type: 'end' };

/** What the thread has found out about a graph that it built; times are in milliseconds. */
export interface LoadedGraph {
  readonly bytes: Uint8Array;
  readonly inputs: readonly GraphValueInfo[];
  readonly outputs: readonly GraphValueInfo[];
  readonly buildMs: number;
  readonly cost: RunCost;
}

/** How one request ended among those that were run together. */
export type Outcome = { readonly outputs: readonly SentTensor[] } | { readonly error: string };

export type Reply =
  | { readonly type: 'loaded'; readonly loaded: LoadedGraph }
  | { readonly type: 'refused'; readonly digest: string }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'ran'; readonly outcomes: readonly Outcome[]; readonly tookMs: number };
