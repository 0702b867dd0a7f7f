import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { JobQueues } from '../src/platform/jobs/job-queues.js';
import { JobRunner } from '../src/platform/jobs/job-runner.js';
import { currentContext } from '../src/platform/observability/request-context.js';
import { JobsService } from '../src/platform/jobs/jobs.service.js';
import { TRAINING } from '../src/modules/training/training-job.js';
import { required, Service } from './support/service.js';
import { WorkerProcess } from './support/processes.js';
import { TcpProxy } from './support/tcp-proxy.js';

const MODEL = { name: 'm', model_type: 'regression', framework: 'onnx' };
/** Names that begin as those of series do: roles of the database, and the package of the trainer. */
const NO_SERIES = ['modelplane_app', 'modelplane_owner', 'modelplane_system', 'modelplane_trainer'];
const DASHBOARD = 'docker/grafana/modelplane.json';

describe('GET /metrics', () => {
  let service: Service;
  let text: string;

  const read = async (from = service) => String((await from.with(undefined).get('/metrics')).body);

  beforeAll(async () => {
    service = await Service.start();
    const acme = await service.as('acme-corp');
    const { model_id } = (await acme.post('/api/v1/models', MODEL)).body;
    await acme.get(`/api/v1/models/${model_id}`);
    await acme.get('/api/v1/models/none');
    await acme.get('/nope');
    await service.database.query(
      `insert into jobs (id, tenant_id, kind, spec, submitted_by, engine)
       select 'train-' || gen_random_uuid(), 'acme-corp', 'training', '{}', 'ana', 'local' from generate_series(1, 3)`,
    );
    text = await read();
  });
  afterAll(() => service?.stop());

  it('should be in the text format of Prometheus, for everybody', async () => {
    const { status, headers } = await service.with(undefined).get('/metrics');
    expect([status, headers.get('content-type')]).toEqual([
      200,
      expect.stringMatching(/^text\/plain; version=0/),
    ]);
  });

  it('should count requests and their seconds by the template of the route', () => {
    const route = 'method="GET",route="/api/v1/models/:model_id"';
    expect(text).toContain(`modelplane_http_requests_total{${route},status="200"} 1`);
    expect(text).toContain(`modelplane_http_requests_total{${route},status="404"} 1`);
    expect(text).toContain(`modelplane_http_request_duration_seconds_count{${route}} 2`);
    expect(text).toContain('modelplane_http_requests_total{method="GET",route="unmatched",status="404"} 1');
  });

  it.each([
    'modelplane_jobs{kind="training",status="submitted"} 3',
    'modelplane_queue_wakeups{queue="training",state="waiting"} 0',
    'modelplane_models_loaded 0',
    'modelplane_model_cache_bytes 0',
    'modelplane_rate_limit_local 0',
    'modelplane_database_waiting_requests{pool="tenant"} 0',
    'modelplane_database_connections{pool="system",state="idle"} ',
    'nodejs_eventloop_lag_p99_seconds ',
    'modelplane_processes 1',
    'modelplane_event_loop_delay_seconds{quantile="0.99"} ',
    'modelplane_predictions_waiting{of="all"} 0',
    'process_cpu_seconds_total ',
  ])('should have %s', (line) => {
    expect(text).toContain(`\n${line}`);
  });

  it('should name seconds and totals as Prometheus does, and no tenant', () => {
    const named = [...text.matchAll(/^# TYPE (modelplane_\w+) (\w+)$/gm)];
    expect(named.length).toBeGreaterThan(8);
    for (const [, name, type] of named) {
      if (type === 'counter') expect(name).toMatch(/_total$/);
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
    }
    expect(text).not.toMatch(/acme|tenant_id|tenant=/);
  });

  it('should count from zero whatever it counts, before anything has happened', async () => {
    const other = await Service.start({ role: 'all', beside: service });
    try {
      const fresh = await read(other);
      const counters = [...fresh.matchAll(/^# TYPE (modelplane_\w+) counter$/gm)].map(
        ([, name]) => name as string,
      );
      expect(counters.length).toBeGreaterThan(8);
      for (const name of counters) expect(fresh).toMatch(new RegExp(`^${name}(\\{.*\\})? 0$`, 'm'));
      const known: Record<string, readonly string[]> = {
        'modelplane_prediction_log_dropped_total{reason=': ['memory', 'disk', 'torn', 'refused'],
        'modelplane_overloaded_total{where=': [
          'event_loop',
          'model',
          'rows',
          'explanations',
          'validations',
          'trials',
          'bodies',
          'listings',
        ],
        'modelplane_api_keys_refused_total{reason=': [
          'malformed',
          'unknown',
          'replaced',
          'expired',
          'revoked',
        ],
        'modelplane_http_requests_total{method="POST",route="/api/v1/predictions",status=': ['500', '503'],
        'modelplane_http_requests_total{method="GET",route="/api/v1/models/:model_id",status=': [
          '500',
          '503',
        ],
        'modelplane_job_wait_duration_seconds_count{kind=': [
          'training',
          'batch',
          'prediction',
          'prediction-export',
        ],
        'modelplane_job_run_duration_seconds_count{kind="training",status=': [
          ...['succeeded', 'failed', 'cancelled', 'paused', 'given_back', 'gave_way', 'lost'],
        ],
      };
      for (const [start, values] of Object.entries(known))
        for (const value of values) expect(fresh).toContain(`\n${start}"${value}"} 0\n`);
    } finally {
      await other.stop();
    }
  });

  it.each([
    'README.md',
    'ARCHITECTURE.md',
    ...readdirSync('docs')
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ])('should have every series that %s names', (page) => {
    const have = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name as string);
    const known = have.flatMap((name) => [name, `${name}_bucket`, `${name}_count`, `${name}_sum`]);
    const named = new Set(readFileSync(page, 'utf8').match(/\bmodelplane_[a-z0-9_]+/g));
    for (const other of NO_SERIES) named.delete(other);
    expect([...named].filter((name) => !known.includes(name))).toEqual([]);
  });

  it('should go on while PostgreSQL cannot be asked', async () => {
    await service.database.query('revoke select on jobs from modelplane_system');
    await service.database.query('alter table jobs rename to jobs_away');
    const other = await Service.start({ beside: service });
    try {
      const without = await read(other);
      expect(without).toContain('modelplane_models_loaded 0');
      expect(without).not.toContain('modelplane_jobs{');
    } finally {
      await other.stop();
      await service.database.query('alter table jobs_away rename to jobs');
    }
  });

  it('should keep no question to a Redis that is away', async () => {
    const redis = await TcpProxy.to(required('MODELPLANE_TEST_REDIS_URL'));
    const other = await Service.start({ beside: service, env: { REDIS_URL: redis.through() } });
    const clients = [...other.app.get(JobQueues, { strict: false }).all.values()].map(
      ({ client }) => client as unknown as { status: string; offlineQueue: unknown[] },
    );
    try {
      expect(await read(other)).toContain('modelplane_queue_wakeups{');
      await redis.cut();
      while (clients.some(({ status }) => status === 'ready')) await sleep(20);
      expect(await read(other)).not.toContain('modelplane_queue_wakeups{');
      expect(clients.map(({ offlineQueue }) => offlineQueue.length)).toEqual(clients.map(() => 0));
    } finally {
      await redis.restore();
      while (clients.some(({ status }) => status !== 'ready')) await sleep(20);
      await other.stop();
      await redis.cut();
    }
  });

  it('should be nothing where it is switched off', async () => {
    const silent = await Service.start({ beside: service, env: { MODELPLANE_METRICS: 'false' } });
    try {
      const { status, body } = await silent.with(undefined).get('/metrics');
      expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
    } finally {
      await silent.stop();
    }
  });

  it('should be had of a worker, too, which answers nothing else', async () => {
    const port = await freePort();
    const worker = await WorkerProcess.start(service, { MODELPLANE_WORKER_METRICS_PORT: String(port) });
    try {
      const url = `http://127.0.0.1:${port}`;
      const answer = await fetch(`${url}/metrics`);
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0/);
      expect(await answer.text()).toContain('# TYPE modelplane_job_run_duration_seconds histogram');
      for (const path of ['/', '/api/v1/models', '/metrics/x'])
        expect((await fetch(url + path)).status).toBe(404);
      expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404);
    } finally {
      await worker.kill('SIGTERM');
    }
  });

  it('should have every series that the dashboard shows', () => {
    const panels = readFileSync(DASHBOARD, 'utf8');
    const shown = new Set(panels.match(/\b(modelplane|nodejs|process)_[a-z0-9_]+/g));
    expect(shown.size).toBeGreaterThan(8);
    const have = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name as string);
    const known = have.flatMap((name) => [name, `${name}_bucket`, `${name}_count`, `${name}_sum`]);
    expect([...shown].filter((name) => !known.includes(name))).toEqual([]);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('traces', () => {
  const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
  const PARENT = '00f067aa0ba902b7';
  let collector: Server;
  let service: Service;
  const received: { headers: Record<string, unknown>; spans: Record<string, unknown>[] }[] = [];

  beforeAll(async () => {
    collector = createServer((request, response) => {
      void request.toArray().then((chunks: Buffer[]) => {
        const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString());
        received.push({ headers: request.headers, spans: resourceSpans[0].scopeSpans[0].spans });
        response.end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const { port } = collector.address() as AddressInfo;
    service = await Service.start({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/`,
        OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20secret',
      },
    });
  });
  afterAll(async () => {
    await service?.stop();
    collector.close();
    collector.closeAllConnections();
  });

  it('should be exported from the request to the job that it submits', async () => {
    const seen: unknown[] = [];
    service.app.get(JobRunner, { strict: false }).start(TRAINING, {
      run: async () => {
        seen.push(currentContext());
        return { type: 'succeeded', metrics: {}, commit: async () => ({}) };
      },
    });
    const acme = await service.as('acme-corp');
    const request = {
      model_name: 'traced',
      framework: 'sklearn',
      data_config: { train_path: 's3://data/x.csv', target_column: 'y' },
    };
    const { body } = await acme.post('/api/v1/training', request, {
      traceparent: `00-${TRACE_ID}-${PARENT}-01`,
    });
    const jobs = service.app.get(JobsService, { strict: false });
    const spans = () => received.flatMap((one) => one.spans);
    for (let tries = 0; spans().length < 2 && tries < 200; tries++) await sleep(50);

    expect((await jobs.get('acme-corp', TRAINING, body.job_id)).status).toBe('succeeded');
    const submitted = spans().find(({ name }) => name === 'POST /api/v1/training');
    const ran = spans().find(({ name }) => name === 'run training');
    expect(submitted).toMatchObject({ traceId: TRACE_ID, parentSpanId: PARENT, kind: 2, status: {} });
    expect(ran).toMatchObject({ traceId: TRACE_ID, parentSpanId: submitted?.spanId, kind: 5, status: {} });
    expect(seen).toMatchObject([{ jobId: body.job_id, trace: { traceId: TRACE_ID, parentId: ran?.spanId } }]);
    expect(BigInt(ran?.endTimeUnixNano as string)).toBeGreaterThanOrEqual(
      BigInt(ran?.startTimeUnixNano as string),
    );
    expect(received[0]?.headers['api-key']).toBe('a secret');
  });

  it('should not be of a request whose caller does not sample', async () => {
    const acme = await service.as('acme-corp');
    const before = received.length;
    await acme.get('/api/v1/models', { traceparent: `00-${TRACE_ID}-${PARENT}-00` });
    await acme.get('/api/v1/training');
    for (let tries = 0; received.length === before && tries < 200; tries++) await sleep(50);
    const names = received.slice(before).flatMap(({ spans }) => spans.map(({ name }) => name));
    expect(names).toEqual(['GET /api/v1/training']);
  });
});
