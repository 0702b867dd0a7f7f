import { Tensor } from 'onnxruntime-node';
import type { LocalGraph } from './local-graph.js';
import type { InputTensor } from './signature-definition.js';

/** A graph that is built in so little time may be built on the thread that answers requests. */
export const QUICK_BUILD_MS = 50;

const TRIES = 3;
/** No further try after it. */
const LONG_ENOUGH_MS = 200;
/** A graph that is this slow is tried with fewer rows. */
const SLOW_MS = 5;
const ROWS = { quick: 64, slow: 8 };

/** What a run of a graph takes on this machine. */
export interface RunCost {
  readonly firstMs: number;
  readonly perRowMs: number;
}

/**
 * Whether requests of so many rows are better run together than one after the other. With f for what a run costs
 * whatever its rows and r for what each request's rows add, k requests end after f + kr together, and one after the
 * other after (f + r)(k + 1)/2 on average: together is sooner where r < f, and later where r > f.
 */
export function isSoonerTogether({ firstMs, perRowMs }: RunCost, rows: number): boolean {
  return perRowMs * rows < firstMs - perRowMs;
}

/** The quickest of a few runs, of one row and of several; it also leaves the graph warm. */
export function measureRun(
  graph: LocalGraph,
  tensors: readonly InputTensor[],
  fetches: readonly string[],
): RunCost {
  try {
    const firstMs = quickestRun(graph, tensors, fetches, 1);
    const rows = firstMs > SLOW_MS ? ROWS.slow : ROWS.quick;
    const manyMs = quickestRun(graph, tensors, fetches, rows);
    return { firstMs, perRowMs: Math.max(0, manyMs - firstMs) / (rows - 1) };
  } catch {
    // It does not take zeros; what it takes with other values is not known.
    return { firstMs: 0, perRowMs: 0 };
  }
}

function quickestRun(
  graph: LocalGraph,
  tensors: readonly InputTensor[],
  fetches: readonly string[],
  rows: number,
): number {
  const feeds = Object.fromEntries(tensors.map((tensor) => [tensor.name, zeros(tensor, rows)]));
  return quickest(() => graph.runNow(feeds, fetches));
}

/**
 * What the quickest of a few tries takes, in ms: in the others the first call sets the runtime up, or another process
 * has had the core.
 * @param enoughMs so quick that there is nothing to be learnt from another try
 */
export function quickest(work: () => void, enoughMs = 0): number {
  let bestMs = Infinity;
  const began = performance.now();
  for (let tries = 0; tries < TRIES && bestMs > enoughMs; tries++) {
    const start = performance.now();
    if (tries > 0 && start - began > LONG_ENOUGH_MS) break;
    work();
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
