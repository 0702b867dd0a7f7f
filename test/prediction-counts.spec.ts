import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { v7 as newUuid } from 'uuid';
import { PredictionCounter } from '../src/modules/prediction-log/counts/prediction-counter.js';
import { LogRules } from '../src/modules/prediction-log/recorder/log-rules.js';
import { PredictionRecorder } from '../src/modules/prediction-log/recorder/prediction-recorder.service.js';
import { Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import { ApiProcess } from './support/processes.js';
import { required, Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { startWithModels } from './support/trained-models.js';

interface Window {
  window_start: string;
  version: string | null;
  code: string;
  requests: number;
  rows: number;
}

describe('the counts of predictions', () => {
  let service: Service;
  let acme: Client;
  let modelId: string;
  /** What was counted of the model before the test. */
  let before: Record<string, [requests: number, rows: number]>;

  beforeAll(async () => {
    const started = await startWithModels({ role: 'all' });
    service = started.service;
    modelId = started.models.churn;
    acme = await service.as('acme-corp');
  });
  beforeEach(async () => {
    await flush();
    before = await sums();
  });
  afterAll(() => service?.stop());

  const path = (query = '') => `/api/v1/models/${modelId}/prediction-counts${query}`;

  const predict = (body: object = {}, client = acme) =>
    client.post('/api/v1/predictions', { model_id: modelId, features: FEATURES, ...body });

  /** Requests and rows of all minutes by code and version. */
  async function sums(query = ''): Promise<Record<string, [number, number]>> {
    const found: Record<string, [number, number]> = {};
    const { data } = (await acme.get(path(`?limit=200${query}`))).body as { data: Window[] };
    for (const { code, version, requests, rows } of data) {
      const [ofCode, rowsOfCode] = found[`${code} ${version}`] ?? [0, 0];
      found[`${code} ${version}`] = [ofCode + requests, rowsOfCode + rows];
    }
    return found;
  }

  /** What has been counted since the test began. */
  async function added(): Promise<Record<string, [number, number]>> {
    const now = Object.entries(await sums()).map(([key, [requests, rows]]) => {
      const [earlier, rowsEarlier] = before[key] ?? [0, 0];
      return [key, [requests - earlier, rows - rowsEarlier]] as [string, [number, number]];
    });
    return Object.fromEntries(now.filter(([, [requests, rows]]) => requests + rows > 0));
  }

  async function flush(of = service): Promise<void> {
    await of.app.get(PredictionRecorder).flush();
    await of.app.get(PredictionCounter).flush();
  }

  async function untilAdded(expected: Record<string, [number, number]>): Promise<void> {
    for (const end = Date.now() + 30_000; !isDeepStrictEqual(await added(), expected); await sleep(50))
      if (Date.now() > end) break;
    expect(await added()).toEqual(expected);
  }

  it('should be of what was answered and what was refused, by version and code', async () => {
    await predict();
    await predict({ features: [FEATURES, FEATURES, FEATURES] });
    await predict({ model_id: modelId.toUpperCase() });
    expect((await predict({ features: [{ total_orders: 'many' }, {}] })).status).toBe(422);
    expect((await predict({ version: '9.9.9' })).body.code).toBe('MODEL_NOT_FOUND');
    expect((await predict({ options: { unknown: true } })).status).toBe(400);
    await flush();
    expect(await added()).toEqual({
      'OK 1.0.0': [3, 5],
      'VALIDATION_ERROR 1.0.0': [1, 2],
      'MODEL_NOT_FOUND null': [1, 1],
      'INVALID_REQUEST 1.0.0': [1, 1],
    });
  });

  it('should have asynchronous predictions too: refused at once, or answered later', async () => {
    const submit = (features: object) =>
      acme.post('/api/v1/predictions/async', { model_id: modelId, features });
    expect((await submit({ total_orders: 'many' })).status).toBe(422);
    const { body } = await submit(FEATURES);
    while ((await acme.get(`/api/v1/predictions/async/${body.job_id}`)).status === 202) await sleep(20);
    await untilAdded({ 'VALIDATION_ERROR 1.0.0': [1, 1], 'OK 1.0.0': [1, 1] });
  });

  it('should be of every request, whatever share of them is logged', async () => {
    const settings = `/api/v1/models/${modelId}/prediction-log`;
    await acme.put(settings, { sample_rate: 0 });
    await service.app.get(LogRules).refresh();
    const { request_id } = (await predict()).body;
    for (let made = 0; made < 5; made++) await predict();
    await flush();
    expect(await added()).toEqual({ 'OK 1.0.0': [6, 6] });
    await acme.put(settings, {});
    await service.app.get(LogRules).refresh();
    const { body: logged } = await predict();
    while ((await acme.get(`/api/v1/predictions/${logged.request_id}`)).status === 404) await sleep(20);
    expect((await acme.get(`/api/v1/predictions/${request_id}`)).status).toBe(404);
  });

  it('should be listed by the minute, newest first, in pages, by time and version', async () => {
    const at = Date.parse('2026-02-12T10:00:00Z');
    for (const [minute, version, code, requests] of [
      [0, '1.0.0', 'OK', 5],
      [0, '', 'MODEL_NOT_FOUND', 1],
      [1, '1.0.0', 'OK', 2 ** 40],
      [2, '1.1.0', 'OK', 7],
    ] as const) {
      await service.database.query(
        `insert into prediction_counts values ('acme-corp', $1, $2, $3, $4, $5, $5)`,
        [modelId, new Date(at + minute * 60_000), version, code, requests],
      );
    }
    const window = 'from=2026-02-12T10:00:00Z&to=2026-02-12T10:03:00Z';
    const all = (await acme.get(path(`?${window}`))).body;
    expect(all.data).toEqual([
      { window_start: '2026-02-12T10:02:00.000Z', version: '1.1.0', code: 'OK', requests: 7, rows: 7 },
      {
        window_start: '2026-02-12T10:01:00.000Z',
        version: '1.0.0',
        code: 'OK',
        requests: 2 ** 40,
        rows: 2 ** 40,
      },
      { window_start: '2026-02-12T10:00:00.000Z', version: '1.0.0', code: 'OK', requests: 5, rows: 5 },
      {
        window_start: '2026-02-12T10:00:00.000Z',
        version: null,
        code: 'MODEL_NOT_FOUND',
        requests: 1,
        rows: 1,
      },
    ]);
    const first = (await acme.get(path(`?${window}&limit=3`))).body;
    const second = (await acme.get(path(`?${window}&limit=3&cursor=${first.page.next_cursor}`))).body;
    expect([...first.data, ...second.data]).toEqual(all.data);
    expect(second.page.next_cursor).toBeNull();
    const ofVersion = (await acme.get(path(`?${window}&version=1.0.0`))).body.data as Window[];
    expect(ofVersion.map(({ requests }) => requests)).toEqual([2 ** 40, 5]);
    const until = (await acme.get(path(`?from=2026-02-12T10:00:00Z&to=2026-02-12T10:01:00Z`))).body;
    expect(until.page.count).toBe(2);
  });

  it.each([
    ['from=yesterday', 'from'],
    ['to=2026-02-12', 'to'],
    ['version=', 'version'],
    ['limit=201', 'limit'],
    ['cursor=WyJhY21lLWNvcnAiLCJbXSJd', 'cursor'],
    ['code=OK', 'code'],
  ])('should not be listed by %s', async (query, pointer) => {
    const { status, body } = await acme.get(path(`?${query}`));
    expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
  });

  it('should be read by a viewer, and not by another tenant', async () => {
    expect((await (await service.as('acme-corp', 'viewer')).get(path())).status).toBe(200);
    const globex = await service.as('globex');
    const theirs = await globex.get(path());
    expect([theirs.status, theirs.body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
  });

  it("should have nothing of another tenant's requests for the model, nor of models that there are not", async () => {
    const globex = await service.as('globex');
    expect((await predict({}, globex)).status).toBe(404);
    expect((await predict({ model_id: newUuid() })).status).toBe(404);
    expect((await predict({ model_id: 'x\n1.0.0' })).status).toBe(404);
    await flush();
    expect(await added()).toEqual({});
    const kept = await service.database.query(
      'select from prediction_counts where model_id <> $1 or tenant_id <> $2',
      [modelId, 'acme-corp'],
    );
    expect(kept).toEqual([]);
  });

  it('should have room for those of a model that there is, however many ids are made up', async () => {
    const dropped = async () => {
      const text: string = (await acme.get('/metrics')).body;
      return Number(/^modelplane_prediction_counts_dropped_total (\d+)$/m.exec(text)?.[1]);
    };
    const earlier = await dropped();
    const recorder = service.app.get(PredictionRecorder);
    const failure = (of: string, version?: string) => ({
      requestId: `req-${newUuid()}`,
      modelId: of,
      version,
      code: 'MODEL_NOT_FOUND' as const,
      rows: 1,
    });
    // In one turn of the event loop, so that no flush comes between.
    for (let made = 0; made < 1500; made++) recorder.countFailure('acme-corp', failure(newUuid()));
    recorder.countFailure('acme-corp', failure(modelId, '1.0.0'));
    await flush();
    expect((await dropped()) - earlier).toBe(500);
    expect(await added()).toEqual({ 'MODEL_NOT_FOUND 1.0.0': [1, 1] });
  });

  it('should be exact where several processes count the same minutes', async () => {
    const other = await Service.start({ beside: service });
    try {
      const theirs = new Client(other.url, acme.token);
      const rounds = Array.from({ length: 10 }, async () => {
        for (let made = 0; made < 10; made++) {
          await Promise.all([predict(), predict({}, theirs), predict({ features: {} }, theirs)]);
          await Promise.all([flush(), flush(other)]);
        }
      });
      await Promise.all(rounds);
      expect(await added()).toEqual({ 'OK 1.0.0': [200, 200], 'VALIDATION_ERROR 1.0.0': [100, 100] });
    } finally {
      await other.stop();
    }
  });

  async function send(client: Client): Promise<void> {
    for (let made = 0; made < 5; made++) await predict({}, client);
    await predict({ features: {} }, client);
    await predict({ version: '9.9.9' }, client);
  }

  const SENT: Record<string, [number, number]> = {
    'OK 1.0.0': [5, 5],
    'VALIDATION_ERROR 1.0.0': [1, 1],
    'MODEL_NOT_FOUND null': [1, 1],
  };

  it('should wait in memory while the database is away', async () => {
    const proxy = await TcpProxy.to(required('MODELPLANE_TEST_APP_URL'));
    const env = { MODELPLANE_DATABASE_SYSTEM_URL: proxy.through(service.database.systemUrl) };
    const other = await Service.start({ beside: service, env });
    try {
      await proxy.cut();
      await send(new Client(other.url, acme.token));
      await expect(flush(other)).rejects.toThrow();
      expect(await added()).toEqual({});
      await proxy.restore();
      await untilAdded(SENT);
    } finally {
      await other.stop();
      await proxy.cut();
    }
  });

  describe('of a process of its own', () => {
    let api: ApiProcess;
    beforeEach(async () => {
      api = await ApiProcess.start(service);
      await send(new Client(api.url, acme.token));
    });
    afterEach(() => api.kill('SIGKILL'));

    it('should all be written when it is asked to end', async () => {
      await api.kill('SIGTERM');
      expect(await added()).toEqual(SENT);
    });

    it('should outlive its being killed once they are written', async () => {
      await untilAdded(SENT);
      await api.kill('SIGKILL');
      expect(await added()).toEqual(SENT);
    });
  });
});
