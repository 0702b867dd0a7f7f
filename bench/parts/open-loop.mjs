// Sends requests at their times, whatever became of those before: node bench/parts/open-loop.mjs, the load as JSON in
// BENCH_LOAD. A process of its own, so that what it measures does not wait for the bench, and on plain sockets: what
// Node's own client costs would be taken from the server beside it. It prints one line of JSON.
import net from 'node:net';
import os from 'node:os';
import { percentile, round } from './results.mjs';

const { url, token, body, perSecond, seconds, deadlineMs } = JSON.parse(process.env.BENCH_LOAD);
const { host, hostname, port, pathname } = new URL(url);
const REQUEST = Buffer.from(
  [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    `\r\n${body}`,
  ].join('\r\n'),
);
const HEAD_END = '\r\n\r\n';

// Callers are on other machines: what is measured comes before its measuring.
os.setPriority(os.constants.priority.PRIORITY_LOW);

/** Queues are full by then. What is answered after the last was sent does not count: it would be more than the rate. */
const SETTLE_MS = 2000;
/** Longest that an answer is waited for. */
const TIMEOUT_MS = 10_000;
/** Connections are there before the clock starts, as in the pool of a proxy: so many seconds of requests may be open. */
const POOL_SECONDS = 2;

const answered = { ok: [], late: 0, refused: 0, failed: 0 };
const retryAfter = new Set();
const total = Math.round(perSecond * seconds);
const free = await Promise.all(Array.from({ length: Math.ceil(perSecond * POOL_SECONDS) }, connect));
const start = performance.now();
let sent = 0;
let open = 0;
let mostOpen = 0;

function connect() {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, hostname, () => resolve(socket));
    socket.setNoDelay(true);
    socket.once('error', reject);
  });
}

async function ask(dueMs) {
  mostOpen = Math.max(mostOpen, ++open);
  try {
    const socket = free.pop() ?? (await connect());
    const head = await exchange(socket);
    count(head, performance.now() - start, dueMs);
    if (/\r\nconnection: close/i.test(head)) socket.destroy();
    else free.push(socket);
  } catch {
    answered.failed++;
  }
  if (--open === 0 && sent === total) report();
}

/** Sends the request, and answers the head once the whole answer is there. */
function exchange(socket) {
  return new Promise((resolve, reject) => {
    let head = '';
    let missing = Infinity;
    const fail = () => reject(new Error('no answer'));
    const timer = setTimeout(() => socket.destroy(), TIMEOUT_MS);
    const read = (chunk) => {
      if (missing < Infinity) missing -= chunk.length;
      else {
        head += chunk.latin1Slice();
        const end = head.indexOf(HEAD_END);
        if (end < 0) return;
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)[1]);
        missing = length - (head.length - end - HEAD_END.length);
        head = head.slice(0, end);
      }
      if (missing > 0) return;
      clearTimeout(timer);
      socket.removeListener('data', read).removeListener('close', fail);
      resolve(head);
    };
    socket.on('data', read).once('close', fail);
    socket.write(REQUEST);
  });
}

function count(head, elapsedMs, dueMs) {
  const status = head.slice(9, 12);
  // Measured from when it was due, not from when this process came to send it.
  const waitedMs = elapsedMs - dueMs;
  if (status === '200') {
    if (waitedMs > deadlineMs) answered.late++;
    else if (elapsedMs > SETTLE_MS && elapsedMs <= seconds * 1000) answered.ok.push(waitedMs);
  } else if (status === '503') {
    answered.refused++;
    retryAfter.add(Number(/\r\nretry-after: (\d+)/i.exec(head)[1]));
  } else answered.failed++;
}

const timer = setInterval(() => {
  const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * perSecond));
  while (sent < due) void ask((sent++ / perSecond) * 1000);
  if (sent === total) clearInterval(timer);
}, 1);

function report() {
  const { ok, ...others } = answered;
  const result = {
    ...others,
    goodput_per_second: round((ok.length / (seconds * 1000 - SETTLE_MS)) * 1000, 1),
    p50_ms: round(percentile(ok, 50) ?? NaN, 1),
    p99_ms: round(percentile(ok, 99) ?? NaN, 1),
    most_connections: mostOpen,
    retry_after: [...retryAfter].sort((left, right) => left - right),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
}
