/** What an API says of itself: the value of a series, by its name with its labels; 0 where it has none. */
export async function readMetrics(url) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const series = new Map(
    text
      .split('\n')
      .filter((line) => line && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
  );
  return (name) => series.get(name) ?? 0;
}

const DELAY = 'modelplane_event_loop_delay_seconds';

/** How late the event loop was since the metrics were last read, in milliseconds. */
export const eventLoopDelayMs = (metrics) => ({
  p50: Math.round(metrics(`${DELAY}{quantile="0.5"}`) * 1e5) / 100,
  p99: Math.round(metrics(`${DELAY}{quantile="0.99"}`) * 1e5) / 100,
});
