import { onPath, run } from '../../scripts/parts/programs.mjs';
import { inRoot } from '../../scripts/parts/paths.mjs';
import { Problem } from '../../scripts/parts/problem.mjs';
import { lastLines } from '../../scripts/parts/log-files.mjs';
import { round } from './results.mjs';

export function requireWrk() {
  if (!onPath('wrk'))
    throw new Problem('wrk was not found: install the package wrk (Debian: apt-get install wrk)');
}

/** Sends one request over and over on open connections; latencies are milliseconds. */
export async function load({ url, token, body, connections, seconds }) {
  return runWrk({
    url,
    connections,
    seconds,
    script: 'post.lua',
    env: { BENCH_BODY: body, BENCH_TOKEN: token },
  });
}

/** The same for many models: of the bodies in a file, a line each, the first `hot` get all but one of `coldEvery`. */
export async function loadMix({ url, token, bodies, hot, coldEvery, connections, seconds }) {
  const env = { BENCH_BODIES: bodies, BENCH_HOT: hot, BENCH_COLD_EVERY: coldEvery, BENCH_TOKEN: token };
  return runWrk({ url, connections, seconds, script: 'mix.lua', env });
}

async function runWrk({ url, connections, seconds, script, env }) {
  const file = inRoot('bench', 'parts', script);
  const { ok, output } = await run(
    'wrk',
    ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', file, url],
    { env: { ...process.env, BENCH_REPORT: inRoot('bench', 'parts', 'report.lua'), ...env } },
  );
  const counted = /^bench (\{.*\})$/m.exec(output)?.[1];
  if (!ok || !counted) throw new Problem('wrk failed', lastLines(output));
  const { requests, microseconds, p50, p99, errors } = JSON.parse(counted);
  return {
    requests_per_second: round(requests / (microseconds / 1e6), 1),
    p50_ms: round(p50 / 1000, 2),
    p99_ms: round(p99 / 1000, 2),
    requests,
    errors,
  };
}
