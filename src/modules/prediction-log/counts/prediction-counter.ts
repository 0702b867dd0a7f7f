import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { ErrorCode } from '../../../platform/errors/error-code.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import { Timers } from '../../../platform/timers/timers.js';
import { UsageCounter } from '../../../platform/usage/usage-counter.js';
import { VersionsService } from '../../models/versions.service.js';
import type { LogEntry } from '../recorder/log-entry.js';
import { requestUuid, timeOf } from '../request-ids.js';
import {
  ANSWERED,
  type Count,
  minuteOf,
  PredictionCountsRepository,
} from './prediction-counts.repository.js';

/** A prediction that was refused or that failed. */
export interface PredictionFailure {
  readonly requestId: string;
  /** The model as the caller named it, where its id is not known: it is found out before the count is kept. */
  readonly modelId: string;
  /** Version that would have answered, if it is known that the model has it: any other text would be kept for good. */
  readonly version?: string;
  readonly code: ErrorCode;
  readonly rows: number;
}

/** What a process that is killed loses. */
const FLUSH_MS = 1000;
/** Counts of a process that wait while the database is away: a minute of as many versions of models. */
const MAX_COUNTS = 50_000;
/** Of these, counts of models that may not exist: callers can make up any number of ids. */
const MAX_UNCHECKED = 1000;

/** What has come together for one key. */
type Sum = Count & { requests: number; rows: number };

/**
 * Counts answered and refused predictions by the minute, in memory, and adds them to those of other processes every
 * second. What could not be written is added the next time; where a connection broke as it was, it may be added twice.
 */
@Injectable()
export class PredictionCounter implements OnApplicationBootstrap {
  private waiting = new Map<string, Sum>();
  private unchecked = 0;
  /** The sum that the last answer was added to: the next one of a busy model finds it without making its key. */
  private last?: Sum;
  private flushing: Promise<void> = Promise.resolve();
  private readonly dropped;

  constructor(
    private readonly counts: PredictionCountsRepository,
    private readonly versions: VersionsService,
    private readonly usage: UsageCounter,
    private readonly timers: Timers,
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    this.dropped = metrics.counter(
      'modelplane_prediction_counts_dropped_total',
      'Predictions that were not counted: too many models, versions and codes, or made-up model ids, at a time.',
    );
  }

  onApplicationBootstrap(): void {
    this.timers.every(FLUSH_MS, 'counts of predictions could not be written', () => this.flush());
  }

  /** An answer that nobody was given is none. */
  addAnswer({ tenant, requestId, modelId, version, rows, shadow }: LogEntry): void {
    if (shadow) return;
    const { last } = this;
    const isSame =
      last?.modelId === modelId &&
      last.version === version &&
      last.tenant === tenant &&
      last.code === ANSWERED &&
      last.windowStart === windowOf(requestId);
    if (isSame) addTo(last, 1, rows.length);
    else this.add(countOf(tenant, requestId, modelId, version, ANSWERED, rows.length));
  }

  /** Counts nothing for an id or name that no model can have. */
  addFailure(tenant: string, { requestId, modelId, version = '', code, rows }: PredictionFailure): void {
    if (this.versions.isReference(modelId))
      this.add(countOf(tenant, requestId, modelId, version, code, rows));
  }

  /** Writes what was counted so far. @throws what a database that is away throws; the counts are kept */
  flush(): Promise<void> {
    const done = this.flushing.then(() => this.write());
    this.flushing = done.catch(() => undefined);
    return done;
  }

  /** The last flush of a process, which has nobody to throw to. */
  async close(): Promise<void> {
    await this.flush()
      .then(() => this.usage.flush())
      .catch((error: unknown) =>
        this.logger.failure('the last counts of predictions could not be written', error),
      );
  }

  private async write(): Promise<void> {
    const { waiting } = this;
    if (waiting.size === 0) return;
    this.waiting = new Map();
    this.last = undefined;
    this.unchecked = 0;
    try {
      const existing = await this.existing([...waiting.values()]);
      if (existing.length === 0) return;
      await this.counts.addAll(existing);
      for (const { tenant, code, rows } of existing) if (code === ANSWERED) this.usage.addRows(tenant, rows);
    } catch (error) {
      for (const count of waiting.values()) this.add(count);
      throw error;
    }
  }

  /** Without those of models that the tenant does not have, and under the ids of the others. */
  private async existing(counts: Sum[]): Promise<Sum[]> {
    const unchecked = counts.filter(isUnchecked);
    if (unchecked.length === 0) return counts;
    const found: Sum[] = [];
    for (const tenant of new Set(unchecked.map((count) => count.tenant))) {
      const own = unchecked.filter((count) => count.tenant === tenant);
      const ids = await this.versions.idsOf(
        tenant,
        own.map(({ modelId }) => modelId),
      );
      for (const count of own) {
        const modelId = ids.get(count.modelId);
        if (modelId !== undefined) found.push({ ...count, modelId });
      }
    }
    return [...counts.filter((count) => !isUnchecked(count)), ...found];
  }

  private add(count: Count): void {
    const { tenant, modelId, windowStart, version, code, requests, rows } = count;
    const key = `${tenant}\n${modelId}\n${windowStart}\n${version}\n${code}`;
    const sum = this.waiting.get(key);
    if (sum) {
      this.last = sum;
      return addTo(sum, requests, rows);
    }
    const isFull = this.waiting.size >= MAX_COUNTS || (isUnchecked(count) && this.unchecked >= MAX_UNCHECKED);
    if (isFull) return this.dropped.inc(requests);
    if (isUnchecked(count)) this.unchecked++;
    this.waiting.set(key, { ...count });
  }
}

function countOf(
  tenant: string,
  requestId: string,
  modelId: string,
  version: string,
  code: string,
  rows: number,
): Count {
  const windowStart = windowOf(requestId);
  return { tenant, modelId, windowStart, version, code, requests: 1, rows };
}

function windowOf(requestId: string): number {
  return minuteOf(timeOf(requestUuid(requestId)));
}

function addTo(sum: Sum, requests: number, rows: number): void {
  sum.requests += requests;
  sum.rows += rows;
}

/** Where a version is known, so is its model. */
function isUnchecked({ version }: Count): boolean {
  return version === '';
}
