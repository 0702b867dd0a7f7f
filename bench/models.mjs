// node bench/models.mjs [--models 1000] [--hot 50] [--minutes 3]: many registered models, few of them hot, one budget.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { reportProblem } from '../scripts/parts/problem.mjs';
import { Steps } from '../scripts/parts/steps.mjs';
import { trainOnBreastCancer } from './parts/breast-cancer.mjs';
import { readMetrics } from './parts/metrics.mjs';
import { numberOptions } from './parts/options.mjs';
import { residentBytes, slope } from './parts/resident.mjs';
import { round, table, writeResults } from './parts/results.mjs';
import { TENANT, withStack } from './parts/stack.mjs';
import { loadMix, requireWrk } from './parts/wrk.mjs';

const CONNECTIONS = 50;
/** Models that the budget has room for, beside each hot one. */
const ROOM = 2;
/** One request in so many is for a model that is not hot. */
const COLD_EVERY = 50;
const AT_ONCE = 40;
const EVERY_SECONDS = 10;
const FLAT_MB_PER_MINUTE = 5;
const MB = 2 ** 20;

const steps = new Steps();
try {
  const { models, hot, minutes } = numberOptions({ models: [1000], hot: [50], minutes: [3] });
  requireWrk();
  process.exitCode = await withStack(steps, (stack) => measure(stack, models[0], hot[0], minutes[0]));
} catch (error) {
  reportProblem(error);
  process.exitCode = 1;
}

async function measure(stack, count, hot, minutes) {
  const trained = await steps.run('Train gradient boosting of 100 trees', () =>
    trainOnBreastCancer(stack, 'first', { estimator: 'gradient_boosting' }),
  );
  await stack.supervisor.stop('worker');
  const { ids, bytes } = await steps.run(`${count} models`, () => registerAll(stack, trained, count));
  const budget = Math.max(ROOM * hot * bytes, MB);
  const url = await steps.run(`An API with room for ${Math.floor(budget / bytes)} of them`, () =>
    stack.startAnother('bounded', {
      MODELPLANE_MODEL_CACHE_BYTES: String(budget),
      MODELPLANE_MAX_ARTIFACT_BYTES: String(budget),
      MODELPLANE_RATE_LIMIT_PER_MINUTE: '0',
    }),
  );
  const bodies = ids.map((model_id, at) =>
    JSON.stringify({ model_id, features: trained.rows[at % trained.rows.length] }),
  );
  const cold = await steps.run(
    `${AT_ONCE} requests at once for each of the ${hot} hot models, none loaded`,
    () => askAtOnce(stack, url, bodies.slice(0, hot)),
  );
  const file = path.join(stack.stateDir, 'bodies');
  writeFileSync(file, `${bodies.join('\n')}\n`);
  const samples = [];
  const start = performance.now();
  const sample = async () => {
    samples.push({ minutes: round((performance.now() - start) / 60_000, 2), ...(await look(stack, url)) });
  };
  await sample();
  const timer = setInterval(() => void sample().catch(reportProblem), EVERY_SECONDS * 1000);
  const outcome = await steps.run(`${minutes} minutes of ${CONNECTIONS} connections`, () =>
    loadMix({
      url: `${url}/api/v1/predictions`,
      token: stack.token,
      bodies: file,
      hot,
      coldEvery: COLD_EVERY,
      connections: CONNECTIONS,
      seconds: minutes * 60,
    }),
  );
  clearInterval(timer);
  return report(samples, outcome, cold, { models: count, hot, minutes, artifact_bytes: bytes, budget });
}

/**
 * A thousand trainings would take longer than the bench: each model is registered through the API, and its version is
 * that of the trained one, with bytes and digests of its own.
 */
async function registerAll({ client, stateDir, databaseUrl }, { model_id, version }, count) {
  const folder = path.join(stateDir, 'objects', 'modelplane', TENANT, 'artifacts');
  const owner = new pg.Client({ connectionString: databaseUrl });
  await owner.connect();
  try {
    const source = await client.send('GET', `/api/v1/models/${model_id}/versions/${version}`);
    const { rows } = await owner.query(
      `select f.sha256 from version_files f join model_versions v on v.id = f.version_id
       where v.model_id = $1 and f.name = 'core'`,
      [model_id],
    );
    const files = [source.artifact.sha256, rows[0].sha256].map((name) =>
      readFileSync(path.join(folder, name)),
    );
    const ids = [];
    for (let number = 0; number < count; number++) {
      const model = { name: `model ${number}`, model_type: 'classification', framework: 'sklearn' };
      const made = await client.send('POST', '/api/v1/models', model);
      const [whole, core] = files.map((content) => {
        const own = Buffer.concat([content, remark(`model ${number}`)]);
        const sha256 = createHash('sha256').update(own).digest('hex');
        writeFileSync(path.join(folder, sha256), own);
        return { sha256, bytes: own.length };
      });
      await owner.query(
        `with filled as (
           update model_versions set (signature, metrics, filled_at) =
             (select jsonb_set(signature, '{target}', to_jsonb($6::text)), metrics, now()
              from model_versions where model_id = $7)
           where model_id = $1 returning tenant_id, id)
         insert into version_files (tenant_id, version_id, name, sha256, size)
         select tenant_id, id, name, sha256, size
         from filled, (values ('model', $2, $3::bigint), ('core', $4, $5::bigint)) file (name, sha256, size)`,
        [made.model_id, whole.sha256, whole.bytes, core.sha256, core.bytes, `target ${number}`, model_id],
      );
      ids.push(made.model_id);
    }
    return { ids, bytes: files[1].length + remark('model 999').length };
  } finally {
    await owner.end();
  }
}

/** metadata_props, field 14 of onnx.proto's ModelProto, with one key: other bytes, and the same model. */
function remark(text) {
  const field = (number, content) => Buffer.concat([Buffer.of((number << 3) | 2, content.length), content]);
  return field(14, Buffer.concat([field(1, Buffer.from('bench')), field(2, Buffer.from(text))]));
}

async function askAtOnce({ token }, url, bodies) {
  const before = await readMetrics(url);
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  for (const body of bodies) {
    const asked = Array.from({ length: AT_ONCE }, () =>
      fetch(`${url}/api/v1/predictions`, { method: 'POST', headers, body }).then(async (response) => {
        if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
        await response.arrayBuffer();
      }),
    );
    await Promise.all(asked);
  }
  const after = await readMetrics(url);
  const loads = 'modelplane_model_load_duration_seconds_count';
  const shared = 'modelplane_model_loads_shared_total';
  return { requests: bodies.length * AT_ONCE, loads: after(loads) - before(loads), shared: after(shared) };
}

async function look({ supervisor }, url) {
  const metrics = await readMetrics(url);
  return {
    resident_mb: round(residentBytes(supervisor.pid('bounded')) / MB, 1),
    heap_mb: round(metrics('nodejs_heap_size_used_bytes') / MB, 1),
    models: metrics('modelplane_models_loaded'),
    cache_mb: round(metrics('modelplane_model_cache_bytes') / MB, 2),
    loads: metrics('modelplane_model_load_duration_seconds_count'),
    evictions: metrics('modelplane_model_evictions_total'),
    answered: metrics(
      'modelplane_http_requests_total{method="POST",route="/api/v1/predictions",status="200"}',
    ),
  };
}

function report(samples, outcome, cold, settings) {
  const header = [
    'minute',
    'resident MB',
    'heap MB',
    'models in memory',
    'cache MB',
    'loads',
    'evictions',
    'answered',
  ];
  steps.say(`\n${table(header, samples.map(Object.values))}\n`);
  steps.say(`budget ${round(settings.budget / MB, 2)} MB, a model ${settings.artifact_bytes} bytes`);
  steps.say(
    `cold: ${cold.requests} requests for ${settings.hot} models made ${cold.loads} loads; ${cold.shared} requests waited for one of them`,
  );
  steps.say(`${outcome.requests_per_second} requests/s, p99 ${outcome.p99_ms} ms, ${outcome.errors} errors`);
  const warm = samples.slice(Math.floor(samples.length / 3));
  const growth = round(slope(warm.map(({ minutes, resident_mb }) => [minutes, resident_mb])), 2);
  steps.say(`after warm-up: resident ${growth} MB/min`);
  steps.say(writeResults('models', { settings, outcome, cold, resident_mb_per_minute: growth, samples }));
  const isOneAtATime = cold.loads === settings.hot;
  return outcome.errors === 0 && isOneAtATime && growth <= FLAT_MB_PER_MINUTE ? 0 : 1;
}
