import { Injectable } from '@nestjs/common';
import type { Histogram } from 'prom-client';
import { Metrics } from '../observability/metrics.js';

/** From an asynchronous prediction to a training of a day. */
const SECONDS = [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600];

/** How an attempt left its job. */
export type AttemptEnd = 'succeeded' | 'failed' | 'cancelled' | 'paused' | 'given_back' | 'lost';

/** How long the jobs of each kind wait and run. */
@Injectable()
export class JobMetrics {
  private readonly waits: Histogram<'kind'>;
  private readonly runs: Histogram<'kind' | 'status'>;

  constructor(metrics: Metrics) {
    this.waits = metrics.histogram(
      'modelplane_job_wait_duration_seconds',
      'Time that jobs waited for a worker, since they were submitted, given back or resumed.',
      ['kind'],
      SECONDS,
    );
    this.runs = metrics.histogram(
      'modelplane_job_run_duration_seconds',
      'Time that attempts ran, by how they left their jobs.',
      ['kind', 'status'],
      SECONDS,
    );
  }

  waited(kind: string, seconds: number): void {
    this.waits.observe({ kind }, seconds);
  }

  ran(kind: string, status: AttemptEnd, seconds: number): void {
    this.runs.observe({ kind, status }, seconds);
  }
}
