import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as newUuid } from 'uuid';
import type { LoggedPrediction } from '../src/modules/prediction-log/prediction-log.entity.js';
import {
  type LogWindow,
  PredictionLogService,
  toBody,
} from '../src/modules/prediction-log/prediction-log.service.js';
import { LogWriter } from '../src/modules/prediction-log/recorder/log-writer.js';
import { PredictionRecorder } from '../src/modules/prediction-log/recorder/prediction-recorder.service.js';
import { timeOf } from '../src/modules/prediction-log/request-ids.js';
import type { Client } from './support/client.js';
import { Service } from './support/service.js';

const PAGE_BYTES = 4 * 2 ** 20;

describe('a window of the prediction log', () => {
  let service: Service;
  let acme: Client;
  let log: PredictionLogService;
  let writer: LogWriter;

  beforeAll(async () => {
    service = await Service.start({ role: 'all' });
    acme = await service.as('acme-corp');
    log = service.app.get(PredictionLogService);
    writer = new LogWriter({ systemUrl: service.database.systemUrl });
  });
  afterAll(async () => {
    await writer?.close();
    await service?.stop();
  });

  async function register(): Promise<string> {
    const model = { name: `model-${newUuid()}`, model_type: 'regression', framework: 'onnx' };
    return (await acme.post('/api/v1/models', model)).body.model_id;
  }

  /** Writes requests of a model to the log; their ids, in order. */
  async function write(model_id: string, requests: object[]): Promise<string[]> {
    const ids = requests.map(() => newUuid());
    const rows = requests.map((more, at) => ({
      request_id: ids[at],
      tenant_id: 'acme-corp',
      model_id,
      version: '1.0.0',
      row_count: 1,
      latency_ms: 0.5,
      features: { age: at },
      output: { prediction: [at] },
      ...more,
    }));
    for (const row of rows) {
      await writer.insert(JSON.stringify(row), (reason) => {
        throw reason;
      });
    }
    return ids;
  }

  const EVER = { from: new Date(0), to: new Date('2100-01-01') };

  async function read(modelId: string, window: Partial<LogWindow> = {}, tenant = 'acme-corp') {
    const pages: LoggedPrediction[][] = [];
    for await (const page of log.readWindow(tenant, { modelId, ...EVER, ...window })) pages.push(page);
    return pages;
  }

  const idsOf = (pages: LoggedPrediction[][]) => pages.flat().map(({ requestId }) => requestId);

  describe('of requests of very different sizes', () => {
    let modelId: string;
    let ids: string[];
    const bytesOf = (page: LoggedPrediction[]) =>
      page.reduce((sum, { features, output }) => sum + JSON.stringify([features, output]).length, 0);

    beforeAll(async () => {
      modelId = await register();
      const large = Array.from({ length: 1000 }, (_, at) => ({ text: 'x'.repeat(400), at }));
      const huge = [{ text: 'y'.repeat(PAGE_BYTES + 1) }];
      ids = await write(modelId, [
        ...Array(100).fill({}),
        ...Array(60).fill({ features: large, row_count: 1000 }),
        { features: huge },
        ...Array(3).fill({ features: large, row_count: 1000 }),
        ...Array(100).fill({}),
      ]);
    });

    it.each(['oldest first', 'newest first'] as const)(
      'should be read %s in pages that have a bound in bytes, each request once',
      async (order) => {
        const pages = await read(modelId, { order });
        expect(idsOf(pages)).toEqual(order === 'oldest first' ? ids : [...ids].reverse());
        expect(pages.length).toBeGreaterThan(8);
        for (const page of pages.filter(({ length }) => length > 1))
          expect(bytesOf(page)).toBeLessThanOrEqual(PAGE_BYTES);
        const alone = pages.filter((page) => bytesOf(page) > PAGE_BYTES);
        expect(idsOf(alone)).toEqual([ids[160]]);
      },
    );

    it('should go on where an earlier reading ended', async () => {
      for (const order of ['oldest first', 'newest first'] as const) {
        const inOrder = order === 'oldest first' ? ids : [...ids].reverse();
        const after = inOrder[120] as string;
        expect(idsOf(await read(modelId, { order, after }))).toEqual(inOrder.slice(121));
      }
      expect(await read(modelId, { after: ids.at(-1) })).toEqual([]);
    });

    it('should hold no transaction open while its reader takes its time', async () => {
      const pages = log.readWindow('acme-corp', { modelId, ...EVER });
      await pages.next();
      const open = await service.database.query(
        `select query from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`,
      );
      expect(open).toEqual([]);
      await pages.return();
    });
  });

  it('should hold only what was asked for', async () => {
    const modelId = await register();
    const ids = await write(modelId, [
      { version: '1.1.0' },
      { deployment: 'dep-1', arm: 'canary' },
      { deployment: 'dep-1', arm: 'stable' },
      { deployment: 'dep-1', arm: 'canary', shadow: true },
      {},
    ]);
    const places = async (window: Partial<LogWindow>) =>
      idsOf(await read(modelId, window)).map((id) => ids.indexOf(id));
    expect(await places({})).toEqual([0, 1, 2, 3, 4]);
    expect(await places({ version: '1.1.0' })).toEqual([0]);
    expect(await places({ deployment: 'dep-1' })).toEqual([1, 2, 3]);
    expect(await places({ deployment: 'dep-1', arm: 'canary' })).toEqual([1, 3]);
    expect(await places({ shadow: true })).toEqual([3]);
    expect(await places({ arm: 'canary', shadow: false })).toEqual([1]);
    const at = (place: number) => new Date(timeOf(ids[place] as string));
    expect(await places({ from: at(4) })).toContain(4);
    expect(await places({ to: at(0) })).toEqual([]);
    expect(await places({ from: new Date(at(4).getTime() + 1) })).toEqual([]);
  });

  it('should hold a share of its requests, the same ones each time, whatever share of them was logged', async () => {
    const modelId = await register();
    const batch = { job_id: 'batch', rows_scored: 1, rows_failed: 0 };
    await write(modelId, Array(400).fill({}));
    // Where the log keeps a tenth, the last bits of every id are small.
    await service.database.query(
      `update prediction_log set request_id = (left(request_id::text, 28) || '0' || right(request_id::text, 7))::uuid
       where model_id = $1`,
      [modelId],
    );
    const [batchId] = await write(modelId, [{ batch }]);
    await service.database.query('update prediction_log set batch = $1 where request_id = $2', [
      batch,
      batchId,
    ]);
    const half = idsOf(await read(modelId, { sample: 0.5 }));
    expect(idsOf(await read(modelId, { sample: 0.5 }))).toEqual(half);
    // Outside of it by chance once in a million.
    expect(half.length).toBeGreaterThan(150);
    expect(half.length).toBeLessThan(250);
    expect(half).toContain(batchId);
    const tenth = idsOf(await read(modelId, { sample: 0.1 }));
    expect(tenth.filter((id) => !half.includes(id))).toEqual([]);
    expect(idsOf(await read(modelId, { sample: 0 }))).toEqual([batchId]);
    expect(idsOf(await read(modelId, { sample: 1 }))).toHaveLength(401);
  });

  it('should hold nothing of another tenant, nor of a model that there is not', async () => {
    const modelId = await register();
    await write(modelId, [{}]);
    expect(await read(modelId, {}, 'globex')).toEqual([]);
    expect(await read(newUuid())).toEqual([]);
    expect(await read('no-uuid')).toEqual([]);
  });

  it('should show, with the log itself, how an answer came about where that is known', async () => {
    const modelId = await register();
    const recorder = service.app.get(PredictionRecorder);
    const requestId = `req-${newUuid()}`;
    recorder.record({
      tenant: 'acme-corp',
      requestId,
      modelId,
      version: '1.0.0',
      rows: [{ age: 1 }],
      single: true,
      latencyMs: 0.5,
      prediction: [1],
      deployment: 'dep-1',
      arm: 'canary',
      shadow: true,
      ensemble: [{ model_id: modelId, version: '1.0.0' }],
      entityKeys: [{ customer_id: 'c-1' }],
    });
    await recorder.flush();
    let [entry] = (await read(modelId)).flat();
    for (; !entry; await sleep(20)) [entry] = (await read(modelId)).flat();
    const body = toBody(entry);
    expect(body).toEqual({
      request_id: requestId,
      model_id: modelId,
      version: '1.0.0',
      time: expect.any(String),
      row_count: 1,
      latency_ms: 0.5,
      features: { age: 1 },
      prediction: [1],
      deployment: 'dep-1',
      arm: 'canary',
      shadow: true,
      ensemble: [{ model_id: modelId, version: '1.0.0' }],
      entity_keys: { customer_id: 'c-1' },
    });
    expect((await acme.get(`/api/v1/predictions/${requestId}`)).body).toEqual(body);
    expect((await acme.get(`/api/v1/models/${modelId}/predictions`)).body.data).toEqual([body]);
    // Nobody was given it.
    expect((await acme.get(`/api/v1/models/${modelId}/prediction-counts`)).body.data).toEqual([]);
  });
});
