import { Counter, type Registry } from 'prom-client';

/** The requests of one method, route and status. */
interface Series {
  readonly labels: { method: string; route: string; status: number };
  count: number;
  /** Once there was a request. */
  durations?: Durations;
}

/** The times of one method and route. */
interface Durations {
  readonly labels: { method: string; route: string };
  /** Requests in each bucket, the last one beyond them all. */
  readonly counts: number[];
  sum: number;
}

/** Statuses that any route may answer with and nobody wants to see. */
const FAILURES = [500, 503];

const DURATION = 'modelplane_http_request_duration_seconds';

/**
 * Counts and times of requests. prom-client checks and hashes the labels for each value, which takes longer than the
 * rest of counting; here they are added up, and handed over when somebody asks.
 */
export class RequestMetrics {
  private readonly series = new Map<string, Series>();
  private readonly durations = new Map<string, Durations>();

  /** @param buckets upper bounds in seconds, in their order */
  constructor(
    registry: Registry,
    private readonly buckets: readonly number[],
  ) {
    const { series } = this;
    new Counter({
      name: 'modelplane_http_requests_total',
      help: 'Requests answered, by route and status.',
      labelNames: ['method', 'route', 'status'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, count } of series.values()) this.inc(labels, count);
      },
    });
    const durations = {
      name: DURATION,
      help: 'From the head of a request to the end of its answer, by route.',
      type: 'histogram',
      aggregator: 'sum',
      get: () => Promise.resolve({ ...durations, values: this.samples() }),
    };
    registry.registerMetric(durations as never);
  }

  /** Begins to count what alerts ask of a route, before there is any. */
  expect(method: string, route: string): void {
    for (const status of FAILURES) this.seriesOf(method, route, status);
  }

  /** @param route template of the route, never its URL */
  add(method: string, route: string | undefined, status: number, seconds: number): void {
    const series = this.seriesOf(method, route, status);
    series.count++;
    const durations = (series.durations ??= this.durationsOf(series.labels));
    durations.sum += seconds;
    let bucket = 0;
    while (bucket < this.buckets.length && seconds > this.buckets[bucket]!) bucket++;
    durations.counts[bucket]!++;
  }

  private seriesOf(method: string, route: string | undefined, status: number): Series {
    const key = `${status}${method}${route}`;
    let series = this.series.get(key);
    if (!series) {
      series = { labels: { method, route: route ?? 'unmatched', status }, count: 0 };
      this.series.set(key, series);
    }
    return series;
  }

  private durationsOf({ method, route }: Durations['labels']): Durations {
    const labels = { method, route };
    const key = `${labels.method}${labels.route}`;
    let durations = this.durations.get(key);
    if (!durations) {
      durations = { labels, counts: new Array<number>(this.buckets.length + 1).fill(0), sum: 0 };
      this.durations.set(key, durations);
    }
    return durations;
  }

  /** Buckets of the text format hold what is at most their bound, so each those before it too. */
  private samples(): object[] {
    return Array.from(this.durations.values(), ({ labels, counts, sum }) => {
      let total = 0;
      const buckets = counts.map((count, at) => {
        total += count;
        return {
          labels: { le: this.buckets[at] ?? '+Inf', ...labels },
          value: total,
          metricName: `${DURATION}_bucket`,
        };
      });
      return [
        ...buckets,
        { labels, value: sum, metricName: `${DURATION}_sum` },
        { labels, value: total, metricName: `${DURATION}_count` },
      ];
    }).flat();
  }
}
