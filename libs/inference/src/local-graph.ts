import type { Tensor } from 'onnxruntime-node';
// Not part of the package's documented surface, so its version is pinned: the documented `run` puts a turn of the
// event loop and four promises around this same call, which together take longer than a small model.
import { type Binding, binding, initOrt } from 'onnxruntime-node/dist/binding.js';
import type { GraphSession, OutputTensor } from './graph-session.js';

/** An input or output of a loaded graph; a dimension that is fixed only at run time is -1. */
export interface GraphValueInfo {
  readonly name: string;
  /** undefined for what is no tensor, or of a type that no signature has */
  readonly type: string | undefined;
  readonly shape: readonly number[];
}

/** TensorProto.DataType of onnx.proto, as far as signatures go. */
const TYPES: Readonly<Record<number, string>> = {
  1: 'float32',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  11: 'float64',
};

/** A graph in this thread: its runs block it, and are over when they return. */
export class LocalGraph implements GraphSession {
  readonly inputs: readonly GraphValueInfo[];
  readonly outputs: readonly GraphValueInfo[];
  private readonly session: Binding.InferenceSession;
  private readonly fetches = new WeakMap<readonly string[], Record<string, null>>();

  /** @throws where the bytes are no graph that the runtime can read */
  constructor(bytes: Uint8Array) {
    initOrt();
    this.session = new binding.InferenceSession();
    // From memory, never by path: a graph by path may name any file beside it as its weights.
    this.session.loadModel(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength, {
      executionProviders: ['cpu'],
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    this.inputs = this.session.inputMetadata.map(describe);
    this.outputs = this.session.outputMetadata.map(describe);
  }

  runNow(feeds: Record<string, Tensor>, names: readonly string[]): Record<string, OutputTensor> {
    let fetches = this.fetches.get(names);
    if (!fetches) {
      fetches = Object.fromEntries(names.map((name) => [name, null]));
      this.fetches.set(names, fetches);
    }
    return this.session.run(feeds, fetches, {}) as Record<string, Tensor>;
  }

  async run(feeds: Record<string, Tensor>, names: readonly string[]): Promise<Record<string, OutputTensor>> {
    return this.runNow(feeds, names);
  }

  async release(): Promise<void> {
    this.session.dispose();
  }
}

function describe({ name, isTensor, type, shape }: Binding.ValueMetadata): GraphValueInfo {
  return isTensor ? { name, type: TYPES[type], shape } : { name, type: undefined, shape: [] };
}
