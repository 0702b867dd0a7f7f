import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AppLogger } from '../observability/logger.js';
import { Timers } from '../timers/timers.js';
import { type DayUsage, UsageRepository } from './usage.repository.js';

/** What a process that is killed loses. */
const FLUSH_MS = 5000;
const DAY_MS = 24 * 3600_000;

type Sum = { -readonly [field in keyof DayUsage]: DayUsage[field] };

/**
 * Counts what tenants use, in memory, and adds it to what other processes have counted every few seconds. What could not
 * be written is added the next time; where a connection broke as it was, it may be added twice.
 */
@Injectable()
export class UsageCounter implements OnApplicationBootstrap, OnApplicationShutdown {
  private today = new Map<string, Sum>();
  private day = 0;
  /** Sums of days before today, and sums that could not be written. */
  private earlier: Sum[] = [];
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly usage: UsageRepository,
    private readonly timers: Timers,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.timers.every(FLUSH_MS, 'what tenants used could not be written', () => this.flush());
  }

  /** Nest calls this after the last request has been answered and the last attempt has ended. */
  async onApplicationShutdown(): Promise<void> {
    await this.flush().catch((error: unknown) =>
      this.logger.failure('what tenants used last could not be written', error),
    );
  }

  addRequest(tenant: string): void {
    this.of(tenant).requests++;
  }

  addRows(tenant: string, rows: number): void {
    this.of(tenant).rows += rows;
  }

  addJobSeconds(tenant: string, seconds: number): void {
    this.of(tenant).jobSeconds += seconds;
  }

  /** Writes what was counted so far. @throws what a database that is away throws; the sums are kept */
  flush(): Promise<void> {
    const done = this.flushing.then(() => this.write());
    this.flushing = done.catch(() => undefined);
    return done;
  }

  private async write(): Promise<void> {
    const sums = [...this.earlier, ...this.today.values()];
    if (sums.length === 0) return;
    this.earlier = [];
    this.today = new Map();
    try {
      await this.usage.addAll(sums);
    } catch (error) {
      this.earlier.push(...sums);
      throw error;
    }
  }

  private of(tenant: string): Sum {
    const day = Math.floor(Date.now() / DAY_MS);
    if (day !== this.day) {
      this.earlier.push(...this.today.values());
      this.today = new Map();
      this.day = day;
    }
    let sum = this.today.get(tenant);
    if (!sum) {
      sum = {
        tenant,
        day: new Date(day * DAY_MS).toISOString().slice(0, 10),
        requests: 0,
        rows: 0,
        jobSeconds: 0,
      };
      this.today.set(tenant, sum);
    }
    return sum;
  }
}
