import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { PredictionsConfig } from '../../config/index.js';
import { FairQueue } from '../../platform/fair-share/fair-queue.js';
import { Refusals } from '../../platform/load/refusals.js';
import { Metrics } from '../../platform/observability/metrics.js';

/** Requests that run, or wait to run, for one model. */
interface ModelQueue {
  /** Tenant and model. */
  readonly key: string;
  readonly tenant: string;
  requests: number;
  rows: number;
}

/** How much the last answer counts against those before it. */
const NEWEST_SHARE = 0.5;
/** Models whose cost is remembered while nobody asks them. */
const MAX_COSTS = 10_000;
/** What a row is taken to cost until it is measured: as much as one of the slowest models needs. */
const UNKNOWN_MS_PER_ROW = 1;
/** Explanations that may wait for a place. */
const WAITING_EXPLANATIONS = { maxWaiting: 64, maxWaitingOfTenant: 32 };
/** Milliseconds until the next of so many explanations may have its turn: a guess, told as `Retry-After`. */
const EXPLANATION_WAIT_MS = 5000;

/**
 * The one place that decides which requests wait in this process and which are refused: those for a model that has to
 * be loaded, for its turn off the main thread, or for an explanation. What is answered at once on the main thread does
 * not come here; it waits in HTTP's accept queue. Tenants share the room for rows by dynamic thresholds (Choudhury and
 * Hahne 1998): each may have as many waiting as there is room left, so that one alone fills half of it, and there is
 * always room for the next.
 */
@Injectable()
export class ServingQueues {
  private readonly queues = new Map<string, ModelQueue>();
  /** Milliseconds that a row took of late, with what was before it, by tenant and model. */
  private readonly costs = new LRUCache<string, number>({ max: MAX_COSTS });
  private readonly explanations: FairQueue;
  /** Requests that wait for a load or a run, and their rows, of all tenants and by tenant. */
  private requests = 0;
  private rows = 0;
  private readonly rowsOf = new Map<string, number>();

  constructor(
    private readonly config: PredictionsConfig,
    private readonly refusals: Refusals,
    metrics: Metrics,
  ) {
    const { explanations: places, explanationsPerTenant: placesOfTenant } = config;
    this.explanations = new FairQueue({ places, placesOfTenant, ...WAITING_EXPLANATIONS });
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
  async waitForLoad<T>(tenant: string, rows: number, load: () => Promise<T>): Promise<T> {
    this.refuseTooManyRows(tenant);
    this.count(tenant, 1, rows);
    try {
      return await load();
    } finally {
      this.count(tenant, -1, -rows);
    }
  }

  /** Waits for a run off the main thread. @throws Problem 503 where too many wait for the model, or it would take too long */
  async waitForRun<T>(tenant: string, modelId: string, rows: number, run: () => Promise<T>): Promise<T> {
    const key = `${tenant}\n${modelId}`;
    const queue = this.queues.get(key) ?? { key, tenant, requests: 0, rows: 0 };
    this.refuseTooManyRows(tenant);
    this.refuseFullQueue(queue);
    this.queues.set(key, queue);
    this.count(tenant, 1, rows);
    queue.requests++;
    queue.rows += rows;
    const began = performance.now();
    const rowsUntilEnd = queue.rows;
    try {
      const result = await run();
      const msPerRow = (performance.now() - began) / rowsUntilEnd;
      const before = this.costs.get(key) ?? msPerRow;
      this.costs.set(key, msPerRow * NEWEST_SHARE + before * (1 - NEWEST_SHARE));
      return result;
    } finally {
      this.count(tenant, -1, -rows);
      queue.rows -= rows;
      if (--queue.requests === 0) this.queues.delete(key);
    }
  }

  /** Waits until few enough explanations are under way. @throws Problem 503 where too many wait already */
  waitToExplain<T>(tenant: string, explain: () => Promise<T>): Promise<T> {
    const full = () => ({ what: 'explanations wait', waitMs: EXPLANATION_WAIT_MS });
    return this.refusals.inTurn('explanations', this.explanations, tenant, explain, full);
  }

  private count(tenant: string, requests: number, rows: number): void {
    this.requests += requests;
    this.rows += rows;
    const ofTenant = (this.rowsOf.get(tenant) ?? 0) + rows;
    if (ofTenant > 0) this.rowsOf.set(tenant, ofTenant);
    else this.rowsOf.delete(tenant);
  }

  /** A request is judged by what is before it, not by its own size. */
  private refuseFullQueue(queue: ModelQueue): void {
    const { requests } = queue;
    const waitMs = this.waitMsOf(queue);
    if (requests < this.config.maxWaiting && waitMs <= this.config.maxWaitMs) return;
    throw this.refusals.overloaded('model', waitMs, `${requests} requests wait for this model already`);
  }

  private refuseTooManyRows(tenant: string): void {
    const ofTenant = this.rowsOf.get(tenant) ?? 0;
    if (ofTenant < this.config.maxWaitingRows - this.rows) return;
    const own = Array.from(this.queues.values()).filter((queue) => queue.tenant === tenant);
    const waitMs = Math.max(0, ...own.map((queue) => this.waitMsOf(queue)));
    throw this.refusals.overloaded('rows', waitMs, `${ofTenant} rows wait for their models already`);
  }

  /** Milliseconds until all that waits in a queue is answered. */
  private waitMsOf({ key, rows }: ModelQueue): number {
    return rows * (this.costs.get(key) ?? UNKNOWN_MS_PER_ROW);
  }
}
