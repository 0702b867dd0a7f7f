import { Injectable } from '@nestjs/common';
import cluster from 'node:cluster';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { metricsOfAll } from './process-metrics.js';
import { RequestMetrics } from './request-metrics.js';
import { withinTime } from './within-time.js';

/** From a prediction of one row to a download of minutes. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** A scraper must not wait for a server that is away: its own limit is 10 s. */
const READ_MS = 2000;

/** What this process tells Prometheus. No label names a tenant: whoever may read /metrics knows them all otherwise. */
@Injectable()
export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = new RequestMetrics(this.registry, SECONDS);
  private readonly ofAll = cluster.isWorker ? metricsOfAll(this.registry) : undefined;

  constructor() {
    // Among them CPU seconds and memory.
    collectDefaultMetrics({ register: this.registry });
    this.gauge('modelplane_processes', 'Processes that these metrics are of.', [], () => [
      { labels: {}, value: 1 },
    ]);
  }

  /** @param route template of the route, never its URL */
  request(method: string, route: string | undefined, status: number, seconds: number): void {
    this.requests.add(method, route, status, seconds);
  }

  /** Says that there is such a route, whose failures are counted from zero. */
  expectRoute(method: string, route: string): void {
    this.requests.expect(method, route);
  }

  /**
   * @param label its name, and all values that it may have: a series that appeared with its first increase would show no
   *   rate of it, so that each begins at zero
   */
  counter<const T extends string>(
    name: string,
    help: string,
    label?: { name: T; values: readonly string[] },
  ): Counter<T> {
    const labelNames = label ? [label.name] : [];
    const counter = new Counter<T>({ name, help, labelNames, registers: [this.registry] });
    for (const value of label?.values ?? []) counter.inc({ [label!.name]: value } as Record<T, string>, 0);
    return counter;
  }

  /** @param buckets in seconds; by default from 1 ms to a minute */
  histogram<const T extends string>(
    name: string,
    help: string,
    labelNames: readonly T[] = [],
    buckets: number[] = SECONDS,
  ): Histogram<T> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }

  /**
   * A value that is looked at when somebody asks; a look that fails or takes long shows nothing rather than something old.
   * @param together what several processes of one machine say together
   */
  gauge<const T extends string>(
    name: string,
    help: string,
    labelNames: readonly T[],
    read: () => Sample<T>[] | Promise<Sample<T>[]>,
    together: Together = 'sum',
  ): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      aggregator: together,
      async collect() {
        this.reset();
        const reading = Promise.resolve().then(read);
        const samples = await withinTime(reading, READ_MS).catch(() => []);
        for (const { labels, value } of samples) this.set(labels as Record<T, string>, value);
      },
    });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** Text exposition format of Prometheus; of all processes where several share the port. */
  text(): Promise<string> {
    return this.ofAll?.() ?? this.registry.metrics();
  }
}

/** `first`, where all processes say the same. */
type Together = 'sum' | 'max' | 'first';

export interface Sample<T extends string> {
  labels: Partial<Record<T, string>>;
  value: number;
}
