import { isSoonerTogether, type RunCost } from '../run-cost.js';
import type { SentTensor } from '../sent-tensor.js';

/** One request, or a part of a large one, that waits for its turn on the thread. */
export interface WaitingRun {
  readonly tensors: readonly SentTensor[];
  readonly rows: number;
  readonly fetches: readonly string[];
  resolve(outputs: readonly SentTensor[]): void;
  reject(error: Error): void;
}

/** A turn takes no longer than this where rows can be told apart: so long do the other models wait. */
const TURN_MS = 50;
/** Beyond it a run gains nothing, and its copies grow. */
const MOST_ROWS = 1024;

/** What waits for one graph, first in, first out. */
export class GraphQueue {
  private readonly waiting: WaitingRun[] = [];
  /** Of the thread's time. */
  servedMs = 0;
  /** Requests were run together only where this is known. */
  cost: RunCost = { firstMs: 0, perRowMs: 0 };

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** Rows that one turn has time for. */
  get rowsOfTurn(): number {
    return Math.max(1, Math.min(MOST_ROWS, Math.floor(TURN_MS / this.cost.perRowMs)));
  }

  /** Whether the first that waits is better run with others. */
  get gathers(): boolean {
    return this.waiting[0] !== undefined && this.gains(this.waiting[0]);
  }

  add(run: WaitingRun): void {
    this.waiting.push(run);
  }

  /** The first that waits, and those behind it that are better run with it than after it. */
  take(): WaitingRun[] {
    const first = this.waiting.shift()!;
    const batch = [first];
    if (!this.gains(first)) return batch;
    for (let rows = first.rows, next = this.waiting[0]; next; next = this.waiting[0]) {
      rows += next.rows;
      if (next.fetches !== first.fetches || rows > this.rowsOfTurn || !this.gains(next)) break;
      batch.push(this.waiting.shift()!);
    }
    return batch;
  }

  /** What a turn is expected to take. */
  expectedMs(batch: readonly WaitingRun[]): number {
    const rows = batch.reduce((sum, run) => sum + run.rows, 0);
    return this.cost.firstMs + this.cost.perRowMs * (rows - 1);
  }

  fail(error: Error): void {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  private gains({ rows }: WaitingRun): boolean {
    return isSoonerTogether(this.cost, rows);
  }
}
