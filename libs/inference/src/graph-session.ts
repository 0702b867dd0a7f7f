import type { Tensor } from 'onnxruntime-node';

/** What a graph answers: values in row-major order. */
export interface OutputTensor {
  readonly data: ArrayLike<number | bigint | string>;
  readonly type?: string;
  readonly dims?: readonly number[];
  readonly size?: number;
}

/** A graph that can be run, in this process or in another one. */
export interface GraphSession {
  run(feeds: Record<string, Tensor>, fetches: readonly string[]): Promise<Record<string, OutputTensor>>;
  /** The same without waiting, where the graph is in this thread. */
  runNow?(feeds: Record<string, Tensor>, fetches: readonly string[]): Record<string, OutputTensor>;
  release(): Promise<void>;
}
