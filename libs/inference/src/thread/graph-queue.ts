import { isSoonerTogether, type RunCost } from '../run-cost.js';
import type { SentTensor } from '../sent-tensor.js';

/** A request, or one part of a large request, that waits for its turn on the thread. */
export interface WaitingRun {
  readonly tensors: readonly SentTensor[];
  readonly rows: number;
  readonly fetches: readonly string[];
  resolve(outputs: readonly SentTensor[]): void;
  reject(error: Error): void;
}

/** The longest turn in milliseconds, as far as rows can be split, because all other models wait for its end. */
const TURN_MS = 50;
/** The most rows of a turn. Larger runs are no faster a row, and copying their tensors takes more memory. */
const MOST_ROWS = 1024;

/** The requests that wait for one graph, first in, first out. */
export class GraphQueue {
  private readonly waiting: WaitingRun[] = [];
  /** The time of the thread, in milliseconds, that this graph has had. */
  servedMs = 0;
  /** What a run takes, as measured. Until it is known no run takes any time, so that none gains from being shared. */
  cost: RunCost = { firstMs: 0, perRowMs: 0 };

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** The number of rows that one turn has time for, at least one. */
  get rowsOfTurn(): number {
    return Math.max(1, Math.min(MOST_ROWS, Math.floor(TURN_MS / this.cost.perRowMs)));
  }

  /** Whether the first request that waits gains from being run with others. */
  get gathers(): boolean {
    return this.waiting[0] !== undefined && this.gains(this.waiting[0]);
  }

  add(run: WaitingRun): void {
    this.waiting.push(run);
  }

  /** Takes the first request that waits, and those right behind it that are better run with it than after it. */
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

  /** How many milliseconds a turn of these requests is expected to take. */
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
