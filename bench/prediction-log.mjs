// node bench/prediction-log.mjs [--predictions 200000] [--rate 10000] [--kills 10]: what the prediction log costs, writes and loses.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { migrateDatabase } from '../scripts/parts/built.mjs';
import { inRoot } from '../scripts/parts/paths.mjs';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { startTemporaryServices } from '../scripts/parts/temporary-services.mjs';
import { metric, openLog, prediction } from './parts/log-under-test.mjs';
import { numberOptions } from './parts/options.mjs';
import { median, round, table, writeResults } from './parts/results.mjs';

const LOG = ['dist', 'src', 'modules', 'prediction-log'];
const WRITTEN = 'modelplane_prediction_log_written_total';
/** As large as the log makes its statements after an outage. */
const STATEMENT_BYTES = 2 ** 20;
const FLUSH_MS = 100;
/** Columns of the file, in its order. */
const COPIED = 'tenant_id, request_id, model_id, version, row_count, latency_ms, features, output';

const steps = new Steps();
let services;
try {
  const { predictions, rate, kills } = numberOptions({ predictions: [200_000], rate: [10_000], kills: [10] });
  services = await steps.run('PostgreSQL', (step) =>
    startTemporaryServices({ say: (line) => step.says(line), withRedis: false }),
  );
  await migrateDatabase(services.urls.migrationUrl);
  const cost = await steps.run(`Record ${rate[0]} a second`, () => measureCost(predictions[0], rate[0]));
  const writing = await steps.run('Write to PostgreSQL, and COPY', () => measureWriting(predictions[0]));
  const loss = await steps.run(`Kill -9, ${kills[0]} times`, () => measureLoss(kills[0]));
  report(cost, writing, loss);
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
} finally {
  await services?.stop();
}

/** The same work with and without the log: what the event loop was busy for, a prediction. */
async function measureCost(count, perSecond) {
  const { log, metrics } = await openLog({
    systemUrl: services.urls.systemUrl,
    stateDir: path.join(services.stateDir, 'cost'),
  });
  const work = async (record) => {
    const before = performance.eventLoopUtilization();
    const processor = process.cpuUsage();
    const start = performance.now();
    let recording = 0;
    for (let number = 0; number < count;) {
      const due = Math.min(count, Math.ceil(((performance.now() - start) / 1000) * perSecond));
      const made = [];
      for (; number < due; number++) made.push(prediction(number));
      const from = performance.now();
      for (const each of made) record(each);
      recording += performance.now() - from;
      await sleep(1);
    }
    const { user, system } = process.cpuUsage(processor);
    const { active } = performance.eventLoopUtilization(before);
    return {
      record_us: (recording * 1000) / count,
      loop_us: (active * 1000) / count,
      cpu_us: (user + system) / count,
      seconds: (performance.now() - start) / 1000,
    };
  };
  await work(() => undefined); // warm
  const without = await work(() => undefined);
  const before = await metric(metrics, WRITTEN);
  const withLog = await work((entry) => log.record(entry));
  await log.onApplicationShutdown();
  const written = (await metric(metrics, WRITTEN)) - before;
  return {
    predictions: count,
    written,
    per_second: round(count / withLog.seconds, 0),
    record_us: round(withLog.record_us, 2),
    event_loop_us: round(withLog.loop_us - without.loop_us, 2),
    processor_us: round(withLog.cpu_us - without.cpu_us, 2),
  };
}

/** The same rows by the log's own statement and by COPY from a file of the server, into the same table. */
async function measureWriting(count) {
  const { LogWriter } = await import(inRoot(...LOG, 'recorder', 'log-writer.js'));
  const { encodeEntry } = await import(inRoot(...LOG, 'recorder', 'log-entry.js'));
  const { default: pg } = await import('pg');
  const url = new URL(services.postgres.adminUrl);
  url.pathname = new URL(services.urls.systemUrl).pathname;
  const admin = new pg.Client({ connectionString: url.href });
  await admin.connect();
  const entries = Array.from({ length: count }, (_, number) => encodeEntry(prediction(number)));
  const writer = new LogWriter({ systemUrl: services.urls.systemUrl });
  const file = copyFile(entries);
  const rounds = { statement: [], copy: [] };
  try {
    for (let round = 0; round < 3; round++) {
      await admin.query('truncate prediction_log');
      rounds.statement.push(await timed(() => insertAll(writer, entries)));
      await admin.query('truncate prediction_log');
      rounds.copy.push(await timed(() => admin.query(`copy prediction_log (${COPIED}) from '${file}'`)));
    }
    const [{ rows, bytes }] = (
      await admin.query(
        `select (select count(*)::int from prediction_log) as rows,
                (select sum(pg_total_relation_size(inhrelid))::float8 from pg_inherits
                 where inhparent = 'prediction_log'::regclass) as bytes`,
      )
    ).rows;
    const [statement, copy] = [count / median(rounds.statement), count / median(rounds.copy)];
    return {
      rows,
      rows_per_second: round(statement, 0),
      copy_rows_per_second: round(copy, 0),
      ratio: round(statement / copy, 2),
      bytes_per_row: round(bytes / rows, 0),
    };
  } finally {
    await writer.close();
    await admin.end();
  }
}

async function insertAll(writer, entries) {
  for (let at = 0; at < entries.length;) {
    const texts = [];
    for (let bytes = 0; bytes < STATEMENT_BYTES && at < entries.length; at++) {
      texts.push(entries[at]);
      bytes += entries[at].length;
    }
    await writer.insert(texts.join(','), (reason) => {
      throw reason;
    });
  }
}

/** COPY's text format. */
function copyFile(entries) {
  const folder = path.join(services.stateDir, 'copy');
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const file = path.join(folder, 'rows');
  const lines = entries.map((entry) => {
    const { tenant_id, request_id, model_id, version, row_count, latency_ms, features, output } =
      JSON.parse(entry);
    const values = [tenant_id, request_id, model_id, version, row_count, latency_ms];
    return `${[...values, JSON.stringify(features), JSON.stringify(output)].join('\t')}\n`;
  });
  writeFileSync(file, lines.join(''), { mode: 0o644 });
  return file;
}

async function timed(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Between the kill and the last prediction that the log has in the end. */
async function measureLoss(kills) {
  const { default: pg } = await import('pg');
  const { timeOf } = await import(inRoot(...LOG, 'request-ids.js'));
  const owner = new pg.Client({ connectionString: services.urls.migrationUrl });
  await owner.connect();
  const stateDir = path.join(services.stateDir, 'loss');
  const losses = [];
  for (let kill = 0; kill < kills; kill++) {
    await owner.query('truncate prediction_log');
    const victim = spawn(process.execPath, [inRoot('bench', 'parts', 'log-victim.mjs'), stateDir, FLUSH_MS], {
      env: { ...process.env, MODELPLANE_DATABASE_SYSTEM_URL: services.urls.systemUrl },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(victim.stdout, 'data');
    await sleep(1000 + Math.random() * FLUSH_MS * 2);
    const killed = Date.now();
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    const { log } = await openLog({ systemUrl: services.urls.systemUrl, stateDir });
    await sleep(500);
    await turn();
    await log.onApplicationShutdown();
    const { rows } = await owner.query('select max(request_id::text) as last from prediction_log');
    losses.push(killed - timeOf(rows[0].last));
  }
  await owner.end();
  return { flush_ms: FLUSH_MS, kills, median_lost_ms: median(losses), most_lost_ms: Math.max(...losses) };
}

function report(cost, writing, loss) {
  steps.say(`
${table(
  ['a prediction', 'us'],
  [
    ['record() on its path', cost.record_us],
    ['event loop in all, beside its path too', cost.event_loop_us],
    ['processor in all, with writing to disk and socket', cost.processor_us],
  ],
)}
${cost.written} of ${cost.predictions} were written, ${cost.per_second} a second.

${table(
  ['writer', 'rows/s', 'ours/COPY'],
  [
    ['one statement a flush, as a role that may only insert', writing.rows_per_second, writing.ratio],
    ['COPY from a file of the server, as a superuser', writing.copy_rows_per_second, ''],
  ],
)}
${writing.bytes_per_row} bytes a row with its indexes.

kill -9: at most the last ${loss.most_lost_ms} ms are lost, half the time ${loss.median_lost_ms} ms (flush interval ${loss.flush_ms} ms).
`);
  steps.say(writeResults('prediction-log', { cost, writing, loss }));
}
