// Sends requests at their times, whatever became of those before: node bench/parts/open-loop.mjs, the load as JSON in
// BENCH_LOAD. A process of its own, so that what it measures does not wait for the bench. It prints one line of JSON.
import http from 'node:http';
import { percentile, round } from './results.mjs';

const { url, token, body, perSecond, seconds, deadlineMs } = JSON.parse(process.env.BENCH_LOAD);
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: Infinity });
const options = {
  agent,
  method: 'POST',
  timeout: 10_000,
  headers: {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    authorization: `Bearer ${token}`,
  },
};

/** Queues are full by then. What is answered after the last was sent does not count: it would be more than the rate. */
const SETTLE_MS = 2000;

/** Connections are there before the clock starts, as in the pool of a proxy: so many seconds of requests may be open. */
const POOL_SECONDS = 2;

const answered = { ok: [], late: 0, refused: 0, failed: 0 };
const retryAfter = new Set();
const total = Math.round(perSecond * seconds);
await openConnections(Math.ceil(perSecond * POOL_SECONDS));
const start = performance.now();
let sent = 0;
let open = 0;
let mostOpen = 0;

async function openConnections(count) {
  const open = () =>
    new Promise((resolve, reject) => {
      http
        .get(new URL('/healthcheck/live', url), { agent }, (response) => response.resume().on('end', resolve))
        .on('error', reject);
    });
  await Promise.all(Array.from({ length: count }, open));
}

function ask(dueMs) {
  mostOpen = Math.max(mostOpen, ++open);
  let done = false;
  const end = (status, headers) => {
    if (done) return;
    done = true;
    open--;
    const elapsedMs = performance.now() - start;
    const waitedMs = elapsedMs - dueMs;
    if (status === 200) {
      // Measured from when it was due, not from when this process came to send it.
      if (waitedMs > deadlineMs) answered.late++;
      else if (elapsedMs > SETTLE_MS && elapsedMs <= seconds * 1000) answered.ok.push(waitedMs);
    } else if (status === 503) {
      answered.refused++;
      retryAfter.add(Number(headers['retry-after']));
    } else answered.failed++;
    if (sent === total && open === 0) report();
  };
  const request = http.request(url, options, (response) => {
    response.resume().on('end', () => end(response.statusCode, response.headers));
    response.on('error', () => end());
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => end());
  request.end(body);
}

const timer = setInterval(() => {
  const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * perSecond));
  while (sent < due) ask((sent++ / perSecond) * 1000);
  if (sent === total) clearInterval(timer);
}, 1);

function report() {
  agent.destroy();
  const { ok, ...others } = answered;
  const result = {
    ...others,
    goodput_per_second: round((ok.length / (seconds * 1000 - SETTLE_MS)) * 1000, 1),
    p50_ms: round(percentile(ok, 50) ?? NaN, 1),
    p99_ms: round(percentile(ok, 99) ?? NaN, 1),
    most_connections: mostOpen,
    retry_after: [...retryAfter].sort((left, right) => left - right),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
