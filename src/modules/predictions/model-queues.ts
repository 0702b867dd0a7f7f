import { Injectable } from '@nestjs/common';
import { PredictionsConfig } from '../../config/index.js';
import { Overload } from '../../platform/http/overload.js';
import { Metrics } from '../../platform/observability/metrics.js';

/** What runs, or waits to run, for one model. */
interface Queue {
  requests: number;
  rows: number;
  /** What a row took of late, with what was before it; unknown until the first request is answered. */
  msPerRow?: number;
}

/** How much the last answer counts against those before it. */
const NEWEST_SHARE = 0.5;
/** Where a body begins with the model, as it mostly does. */
const MODEL_FIRST = /^\s*\{\s*"model_id"\s*:\s*"([^"\\]*)"/;

/**
 * Bounds what waits in this process: for a model to be loaded, for its turn on the thread, or for the process of an
 * uploaded model. Requests that are answered at once on the main thread pass by; their queue is the socket.
 */
@Injectable()
export class ModelQueues {
  private readonly queues = new Map<string, Queue>();
  private requests = 0;
  private rows = 0;

  constructor(
    private readonly config: PredictionsConfig,
    private readonly overload: Overload,
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

  /** Waits for a model to be loaded, which sets all free that wait for it at once. @throws Problem 503 */
  async load<T>(rows: number, work: () => Promise<T>): Promise<T> {
    this.admitRows();
    this.enter(rows);
    try {
      return await work();
    } finally {
      this.leave(rows);
    }
  }

  /** Waits for a model to answer. @throws Problem 503 where too many wait for it, or it would take too long */
  async run<T>(tenant: string, modelId: string, rows: number, work: () => Promise<T>): Promise<T> {
    const key = keyOf(tenant, modelId);
    const queue = this.queues.get(key) ?? { requests: 0, rows: 0 };
    this.admit(queue);
    this.queues.set(key, queue);
    this.enter(rows);
    queue.requests++;
    queue.rows += rows;
    const began = performance.now();
    const before = queue.rows;
    try {
      const result = await work();
      const msPerRow = (performance.now() - began) / before;
      queue.msPerRow = msPerRow * NEWEST_SHARE + (queue.msPerRow ?? msPerRow) * (1 - NEWEST_SHARE);
      return result;
    } finally {
      this.leave(rows);
      queue.rows -= rows;
      if (--queue.requests === 0) this.queues.delete(key);
    }
  }

  /** Refuses a body for a model for which too many wait already: parsing it costs as much as answering others. */
  refuseUnparsed(tenant: string, json: string): void {
    if (this.queues.size === 0) return;
    const modelId = MODEL_FIRST.exec(json)?.[1];
    const queue = modelId === undefined ? undefined : this.queues.get(keyOf(tenant, modelId));
    if (queue) this.admit(queue);
  }

  private enter(rows: number): void {
    this.requests++;
    this.rows += rows;
  }

  private leave(rows: number): void {
    this.requests--;
    this.rows -= rows;
  }

  /** Judged by what is before a request, not by its own size. */
  private admit({ requests, rows, msPerRow = 0 }: Queue): void {
    this.admitRows();
    const waitMs = rows * msPerRow;
    if (requests < this.config.maxWaiting && waitMs <= this.config.maxWaitMs) return;
    throw this.overload.refuse('model', waitMs, `${requests} requests wait for this model already`);
  }

  private admitRows(): void {
    if (this.rows < this.config.maxWaitingRows) return;
    throw this.overload.refuse('rows', 0, `${this.rows} rows wait for their models already`);
  }
}

function keyOf(tenant: string, modelId: string): string {
  return `${tenant}\n${modelId}`;
}
