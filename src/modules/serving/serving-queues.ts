import { Injectable } from '@nestjs/common';
import { PredictionsConfig } from '../../config/index.js';
import { Refusals } from '../../platform/load/refusals.js';
import { Metrics } from '../../platform/observability/metrics.js';

/** Requests that run, or wait to run, for one model. */
interface ModelQueue {
  requests: number;
  rows: number;
  /** Milliseconds that a row took of late, with what was before it; unknown until the first request is answered. */
  msPerRow?: number;
}

/** How much the last answer counts against those before it. */
const NEWEST_SHARE = 0.5;
/** Explanations under way together; each of them takes turns with the others, block by block. */
const MAX_EXPLAINING = 4;
const MAX_WAITING_TO_EXPLAIN = 64;
/** Milliseconds until the next of so many explanations may have its turn: a guess, told as `Retry-After`. */
const EXPLANATION_WAIT_MS = 5000;

/**
 * The one place that decides which requests wait in this process and which are refused: those for a model that has to
 * be loaded, for its turn off the main thread, or for an explanation. What is answered at once on the main thread does
 * not come here; it waits in HTTP's accept queue.
 */
@Injectable()
export class ServingQueues {
  private readonly queues = new Map<string, ModelQueue>();
  /** Requests that wait for a load or a run, and their rows. */
  private requests = 0;
  private rows = 0;
  private explaining = 0;
  private readonly waitingToExplain: (() => void)[] = [];

  constructor(
    private readonly config: PredictionsConfig,
    private readonly refusals: Refusals,
    metrics: Metrics,
  ) {
    metrics.gauge(
      'modelplane_predictions_waiting',
      'Requests that wait for a load, or for a run off the main thread: in the longest queue, and all.',
      ['of'],
      () => {
        const lengths = Array.from(this.queues.values(), ({ requests }) => requests);
        return [
          { labels: { of: 'longest' }, value: Math.max(0, ...lengths) },
          { labels: { of: 'all' }, value: this.requests },
        ];
      },
    );
  }

  /** Waits for a model to be loaded, which answers all who wait for it together. @throws Problem 503 */
  async waitForLoad<T>(rows: number, load: () => Promise<T>): Promise<T> {
    this.refuseTooManyRows();
    this.requests++;
    this.rows += rows;
    try {
      return await load();
    } finally {
      this.requests--;
      this.rows -= rows;
    }
  }

  /** Waits for a run off the main thread. @throws Problem 503 where too many wait for the model, or it would take too long */
  async waitForRun<T>(tenant: string, modelId: string, rows: number, run: () => Promise<T>): Promise<T> {
    const key = `${tenant}\n${modelId}`;
    const queue = this.queues.get(key) ?? { requests: 0, rows: 0 };
    this.refuseTooManyRows();
    this.refuseFullQueue(queue);
    this.queues.set(key, queue);
    this.requests++;
    this.rows += rows;
    queue.requests++;
    queue.rows += rows;
    const began = performance.now();
    const rowsUntilEnd = queue.rows;
    try {
      const result = await run();
      const msPerRow = (performance.now() - began) / rowsUntilEnd;
      queue.msPerRow = msPerRow * NEWEST_SHARE + (queue.msPerRow ?? msPerRow) * (1 - NEWEST_SHARE);
      return result;
    } finally {
      this.requests--;
      this.rows -= rows;
      queue.rows -= rows;
      if (--queue.requests === 0) this.queues.delete(key);
    }
  }

  /** Waits until few enough explanations are under way. @throws Problem 503 where too many wait already */
  async waitToExplain<T>(explain: () => Promise<T>): Promise<T> {
    if (this.explaining < MAX_EXPLAINING) {
      this.explaining++;
    } else {
      this.refuseTooManyExplanations();
      await new Promise<void>((resolve) => this.waitingToExplain.push(resolve));
    }
    try {
      return await explain();
    } finally {
      // The place is handed on to the one that has waited longest, so that no newcomer takes it.
      const next = this.waitingToExplain.shift();
      if (next) next();
      else this.explaining--;
    }
  }

  /** A request is judged by what is before it, not by its own size. */
  private refuseFullQueue({ requests, rows, msPerRow = 0 }: ModelQueue): void {
    const waitMs = rows * msPerRow;
    if (requests < this.config.maxWaiting && waitMs <= this.config.maxWaitMs) return;
    throw this.refusals.overloaded('model', waitMs, `${requests} requests wait for this model already`);
  }

  private refuseTooManyRows(): void {
    if (this.rows < this.config.maxWaitingRows) return;
    throw this.refusals.overloaded('rows', 0, `${this.rows} rows wait for their models already`);
  }

  private refuseTooManyExplanations(): void {
    const { length } = this.waitingToExplain;
    if (length < MAX_WAITING_TO_EXPLAIN) return;
    throw this.refusals.overloaded(
      'explanations',
      EXPLANATION_WAIT_MS,
      `${length} explanations wait already`,
    );
  }
}
