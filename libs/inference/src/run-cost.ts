import { Tensor } from 'onnxruntime-node';
import type { LocalGraph } from './local-graph.js';
import type { InputTensor } from './signature-definition.js';

/** A graph whose building takes longer is not built on the thread that answers requests, which it would block. */
export const QUICK_BUILD_MS = 50;

/** Something is measured at most so often. */
const MAX_TRIES = 3;
/** Once measuring has taken this long, nothing is tried again. */
const MAX_MEASURING_MS = 200;
/** The second measurement is of so many rows, and of fewer where one row alone takes longer than SLOW_MS. */
const ROWS = { quick: 64, slow: 8 };
const SLOW_MS = 5;

/** What a run of a graph takes on this machine, in milliseconds. */
export interface RunCost {
  /** A run of one row. */
  readonly firstMs: number;
  /** Each further row of the same run. */
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

/** Measures a graph by runs of one row and of several, all zeros; the first runs of the requests are then quick, too. */
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
    // The graph refuses zeros, so that nothing is known; it is taken for quick.
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
 * Milliseconds that the quickest of a few tries takes. The slower ones say less: the first sets the runtime up, and in
 * any of them another process may have had the core.
 * @param enoughMs a try that is as quick as this is the last
 */
export function quickest(work: () => void, enoughMs = 0): number {
  let bestMs = Infinity;
  const began = performance.now();
  for (let tries = 0; tries < MAX_TRIES && bestMs > enoughMs; tries++) {
    const start = performance.now();
    if (tries > 0 && start - began > MAX_MEASURING_MS) break;
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
