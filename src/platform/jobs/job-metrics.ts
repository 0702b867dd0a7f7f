import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Histogram } from 'prom-client';
import { RuntimeConfig } from '../../config/index.js';
import { Metrics } from '../observability/metrics.js';
import { UsageCounter } from '../usage/usage-counter.js';
import { JobKinds } from './job-kinds.js';

/** From an asynchronous prediction to a training of a day. */
const SECONDS = [0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600];

/** How an attempt left its job. */
const ATTEMPT_ENDS = [
  'succeeded',
  'failed',
  'cancelled',
  'paused',
  'given_back',
  'gave_way',
  'lost',
] as const;
export type AttemptEnd = (typeof ATTEMPT_ENDS)[number];

/** How long the jobs of each kind wait and run, and those of each tenant run: only metrics name no tenant. */
@Injectable()
export class JobMetrics implements OnApplicationBootstrap {
  private readonly waits: Histogram<'kind'>;
  private readonly runs: Histogram<'kind' | 'status'>;

  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly kinds: JobKinds,
    private readonly usage: UsageCounter,
    metrics: Metrics,
  ) {
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

  /** Counts of what a worker runs begin at zero, so that a rate sees their first increase. */
  onApplicationBootstrap(): void {
    if (!this.runtime.runsWorker) return;
    for (const { name: kind } of this.kinds.all) {
      this.waits.zero({ kind });
      for (const status of ATTEMPT_ENDS) this.runs.zero({ kind, status });
    }
  }

  waited(kind: string, seconds: number): void {
    this.waits.observe({ kind }, seconds);
  }

  ran(tenant: string, kind: string, status: AttemptEnd, seconds: number): void {
    this.usage.addJobSeconds(tenant, seconds);
    this.runs.observe({ kind, status }, seconds);
  }
}
