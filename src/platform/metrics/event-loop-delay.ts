import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '../observability/metrics.js';

/** How often it is looked whether the event loop turns. */
const EVERY_MS = 2;

/**
 * How late the event loop comes to what is due, since this was last asked for. Node's own histogram counts the time
 * between two looks, of which what was meant to lie between them is no delay.
 */
export function reportEventLoopDelay(metrics: Metrics): void {
  const histogram = monitorEventLoopDelay({ resolution: EVERY_MS });
  histogram.enable();
  metrics.gauge(
    'modelplane_event_loop_delay_seconds',
    'How late the event loop was, since these metrics were last read; of several processes the latest.',
    ['quantile'],
    () => {
      const delays = [0.5, 0.99, 1].map((quantile) => {
        const seconds = histogram.percentile(quantile * 100) / 1e9 - EVERY_MS / 1000;
        return { labels: { quantile: String(quantile) }, value: Math.max(0, seconds) };
      });
      histogram.reset();
      return delays;
    },
    'max',
  );
}
