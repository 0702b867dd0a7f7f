// node bench/soak.mjs [--minutes 10] [--connections 50]: saturation with everything on, and whether memory stays.
import { reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { trainOnBreastCancer } from './parts/breast-cancer.mjs';
import { eventLoopDelayMs, readMetrics } from './parts/metrics.mjs';
import { numberOptions } from './parts/options.mjs';
import { residentBytes, slope } from './parts/resident.mjs';
import { percentile, round, table, writeResults } from './parts/results.mjs';
import { withStack } from './parts/stack.mjs';
import { load, requireWrk } from './parts/wrk.mjs';

const EVERY_SECONDS = 15;
/** Until then the heap of JavaScript grows to its working size. */
const WARM_SHARE = 0.3;
const FLAT_MB_PER_MINUTE = 2;
const MB = 2 ** 20;

const steps = new Steps();
try {
  const { minutes, connections } = numberOptions({ minutes: [10], connections: [50] });
  requireWrk();
  process.exitCode = await withStack(steps, (stack) => measure(stack, minutes[0], connections[0]));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack, minutes, connections) {
  const { url, token, supervisor } = stack;
  const { model_id, rows } = await steps.run('Train gradient boosting of 100 trees', () =>
    trainOnBreastCancer(stack, 'soak', { estimator: 'gradient_boosting' }),
  );
  await supervisor.stop('worker'); // it would only take processor time from the others
  const body = JSON.stringify({ model_id, features: rows[0] });
  const samples = [];
  const start = performance.now();
  const sample = async () => {
    const metrics = await readMetrics(url);
    samples.push({
      minutes: round((performance.now() - start) / 60_000, 2),
      resident_mb: round(residentBytes(supervisor.pid('api')) / MB, 1),
      heap_mb: round(metrics('nodejs_heap_size_used_bytes') / MB, 1),
      external_mb: round(metrics('nodejs_external_memory_bytes') / MB, 1),
      answered: metrics(
        'modelplane_http_requests_total{method="POST",route="/api/v1/predictions",status="200"}',
      ),
      log_waiting: ['memory', 'segments'].reduce(
        (sum, where) => sum + metrics(`modelplane_prediction_log_pending_rows{where="${where}"}`),
        0,
      ),
      event_loop_p99_ms: eventLoopDelayMs(metrics).p99,
    });
    const last = samples.at(-1);
    steps.say(
      `  ${last.minutes} min: ${last.resident_mb} MB, ${last.answered} answered, ${last.log_waiting} wait for the log`,
    );
  };
  await sample();
  const timer = setInterval(() => void sample().catch(reportProblem), EVERY_SECONDS * 1000);
  const outcome = await load({
    url: `${url}/api/v1/predictions`,
    token,
    body,
    connections,
    seconds: minutes * 60,
  });
  clearInterval(timer);
  return report(samples, outcome, { minutes, connections });
}

function report(samples, outcome, settings) {
  const warm = samples.filter(({ minutes }) => minutes >= settings.minutes * WARM_SHARE);
  const grows = (name) => round(slope(warm.map((each) => [each.minutes, each[name]])), 2);
  const [resident, heap] = [grows('resident_mb'), grows('heap_mb')];
  const header = [
    'minute',
    'resident MB',
    'heap MB',
    'external MB',
    'answered',
    'log waits',
    'event loop p99 ms',
  ];
  steps.say(`\n${table(header, samples.map(Object.values))}\n`);
  steps.say(`${outcome.requests_per_second} requests/s, p99 ${outcome.p99_ms} ms, ${outcome.errors} errors`);
  const delay = percentile(
    samples.slice(1).map((each) => each.event_loop_p99_ms),
    50,
  );
  steps.say(`event loop p99 ${delay} ms (median of the samples)`);
  steps.say(`after warm-up: resident ${resident} MB/min, heap ${heap} MB/min`);
  steps.say(
    writeResults('soak', {
      settings,
      outcome,
      resident_mb_per_minute: resident,
      heap_mb_per_minute: heap,
      samples,
    }),
  );
  return outcome.errors > 0 || resident > FLAT_MB_PER_MINUTE ? 1 : 0;
}
