import { Tensor } from 'onnxruntime-node';
import type { LocalGraph } from './local-graph.js';
import type { InputTensor } from './signature-definition.js';

const ROWS = 64;
const TRIES = 3;

/** What a run of a graph takes on this machine. */
export interface RunCost {
  readonly firstMs: number;
  readonly perRowMs: number;
}

/** The quickest of a few runs, of one row and of 64; it also leaves the graph warm. */
export function measureRun(
  graph: LocalGraph,
  tensors: readonly InputTensor[],
  fetches: readonly string[],
): RunCost {
  try {
    const firstMs = quickest(graph, tensors, fetches, 1);
    // A graph that blocks for this long is not asked for 64 rows to learn it better.
    if (firstMs > 50) return { firstMs, perRowMs: firstMs };
    const manyMs = quickest(graph, tensors, fetches, ROWS);
    return { firstMs, perRowMs: Math.max(0, manyMs - firstMs) / (ROWS - 1) };
  } catch {
    // It does not take zeros; what it takes with other values is not known.
    return { firstMs: 0, perRowMs: 0 };
  }
}

function quickest(
  graph: LocalGraph,
  tensors: readonly InputTensor[],
  fetches: readonly string[],
  rows: number,
): number {
  const feeds = Object.fromEntries(tensors.map((tensor) => [tensor.name, zeros(tensor, rows)]));
  let bestMs = Infinity;
  for (let tries = 0; tries < TRIES; tries++) {
    const start = performance.now();
    graph.runNow(feeds, fetches);
    bestMs = Math.min(bestMs, performance.now() - start);
  }
  return bestMs;
}

function zeros({ dtype, rank, width }: InputTensor, rows: number): Tensor {
  const shape = rank === 1 ? [rows] : [rows, width];
  const count = rows * width;
  switch (dtype) {
    case 'string':
      return new Tensor('string', new Array<string>(count).fill(''), shape);
    case 'int64':
      return new Tensor('int64', new BigInt64Array(count), shape);
    case 'int32':
      return new Tensor('int32', new Int32Array(count), shape);
    case 'bool':
      return new Tensor('bool', new Uint8Array(count), shape);
    case 'float64':
      return new Tensor('float64', new Float64Array(count), shape);
    case 'float32':
      return new Tensor('float32', new Float32Array(count), shape);
  }
}
