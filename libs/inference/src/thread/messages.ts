import type { GraphValueInfo } from '../local-graph.js';
import type { RunCost } from '../run-cost.js';
import type { SentTensor } from '../sent-tensor.js';
import type { InputTensor } from '../signature-definition.js';

/** What a graph is tried with once it is built. */
export interface Probe {
  readonly tensors: readonly InputTensor[];
  readonly fetches: readonly string[];
}

export interface LoadRequest {
  readonly type: 'load';
  readonly graph: number;
  /** Moves to the thread, and back with the answer. */
  readonly bytes: Uint8Array;
  /** Lower-case hex digest that they must have. */
  readonly sha256: string;
  readonly probe: Probe;
}

export interface RunRequest {
  readonly type: 'run';
  readonly graph: number;
  /** The tensors of each request: they are run together. */
  readonly requests: readonly (readonly SentTensor[])[];
  readonly fetches: readonly string[];
}

export type Request = LoadRequest | RunRequest | { readonly type: 'release'; readonly graph: number };

/** What is known of a graph that was built. */
export interface LoadedGraph {
  readonly bytes: Uint8Array;
  readonly inputs: readonly GraphValueInfo[];
  readonly outputs: readonly GraphValueInfo[];
  readonly buildMs: number;
  readonly cost: RunCost;
}

/** Of one request among those that were run together. */
export type Outcome = { readonly outputs: readonly SentTensor[] } | { readonly error: string };

export type Reply =
  | { readonly type: 'loaded'; readonly loaded: LoadedGraph }
  | { readonly type: 'refused'; readonly digest: string }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'ran'; readonly outcomes: readonly Outcome[]; readonly tookMs: number };
