import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import type { Service } from './support/service.js';
import { startWithModels } from './support/trained-models.js';
import { fillVersion } from './support/versions.js';

describe('the prediction log', () => {
  let service: Service;
  let acme: Client;
  let globex: Client;
  let modelId: string;

  beforeAll(async () => {
    const started = await startWithModels({ role: 'all' });
    service = started.service;
    modelId = started.models.churn;
    acme = await service.as('acme-corp');
    globex = await service.as('globex');
  });
  afterAll(() => service?.stop());

  const predict = (body: object = {}) =>
    acme.post('/api/v1/predictions', { model_id: modelId, features: FEATURES, ...body });

  const list = (query = '', client = acme) => client.get(`/api/v1/models/${modelId}/predictions${query}`);

  it('should answer a prediction by its request id, as it was answered', async () => {
    const options = { return_probabilities: true };
    const { body: answer } = await predict({ version: '1.0.0', options });
    const { status, body } = await logged(acme, answer.request_id);
    expect(status).toBe(200);
    const { prediction, probabilities, confidence, classes, latency_ms } = answer;
    expect(body).toEqual({
      request_id: answer.request_id,
      model_id: modelId,
      version: '1.0.0',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      row_count: 1,
      latency_ms,
      features: FEATURES,
      prediction,
      probabilities,
      confidence,
      classes,
    });
    expect(Math.abs(Date.parse(body.time) - Date.now())).toBeLessThan(600_000);
  });

  it('should keep several rows of one request together', async () => {
    const rows = [FEATURES, { ...FEATURES, total_orders: null }];
    const { body: answer } = await predict({ features: rows });
    const { body } = await logged(acme, answer.request_id);
    expect(body).toMatchObject({ row_count: 2, features: rows, prediction: answer.prediction });
  });

  it('should list them newest first, in pages, by time and version', async () => {
    const ids: string[] = [];
    for (let made = 0; made < 5; made++) ids.unshift((await predict()).body.request_id);
    // Ids of one millisecond have no order among them.
    ids.sort().reverse();
    await logged(acme, ids[0] as string);
    const first = await list('?limit=2');
    expect(first.body.data.map(({ request_id }: { request_id: string }) => request_id)).toEqual(
      ids.slice(0, 2),
    );
    const second = await list(`?limit=3&cursor=${first.body.page.next_cursor}`);
    expect(second.body.data.map(({ request_id }: { request_id: string }) => request_id)).toEqual(
      ids.slice(2),
    );

    const at = (position: number) => first.body.data[position].time as string;
    expect((await list(`?from=${at(1)}`)).body.data.length).toBeGreaterThanOrEqual(2);
    const earlier = (await list(`?to=${at(1)}`)).body.data.map(({ time }: { time: string }) => time);
    expect(earlier).not.toEqual([]);
    expect(earlier.filter((time: string) => time >= at(1))).toEqual([]);
    expect((await list('?version=1.0.0')).body.page.count).toBeGreaterThanOrEqual(5);
    expect((await list('?version=9.0.0')).body.data).toEqual([]);
  });

  it('should leave long requests out of lists, but not out of the log', async () => {
    const { body: answer } = await predict({ features: Array(21).fill(FEATURES) });
    const { body } = await logged(acme, answer.request_id);
    expect(body.features).toHaveLength(21);
    const [newest] = (await list('?limit=1')).body.data;
    expect(newest).toMatchObject({
      request_id: answer.request_id,
      row_count: 21,
      features: null,
      prediction: null,
    });
  });

  it('should not hold what was refused', async () => {
    const refused = await predict({ features: { total_orders: 'many' } });
    expect(refused.status).toBe(422);
    await logged(acme, (await predict()).body.request_id);
    expect((await acme.get(`/api/v1/predictions/${refused.body.request_id}`)).status).toBe(404);
  });

  it('should not show those of another tenant', async () => {
    const { body: answer } = await predict();
    await logged(acme, answer.request_id);
    const theirs = await globex.get(`/api/v1/predictions/${answer.request_id}`);
    expect([theirs.status, theirs.body.code]).toEqual([404, 'NOT_FOUND']);
    expect((await list('', globex)).body.code).toBe('MODEL_NOT_FOUND');
  });

  it.each(['req-', 'req-1', 'train-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e', '%00'])(
    'should have no prediction %j',
    async (id) => {
      const { status, body } = await acme.get(`/api/v1/predictions/${id}`);
      expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
    },
  );

  it.each([
    ['from=yesterday', 'from'],
    ['from=2026-02-12', 'from'],
    ['to=2026-02-12T10:00:00', 'to'],
    ['to=2026-02-30T10:00:00Z', 'to'],
    ['version=', 'version'],
    ['limit=0', 'limit'],
    ['cursor=x', 'cursor'],
    ['model=x', 'model'],
  ])('should not be listed by %s', async (query, pointer) => {
    const { status, body } = await list(`?${query}`);
    expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
  });

  it('should be read by who may see data alone', async () => {
    const { body: answer } = await predict();
    for (const [role, byId, inList] of [
      ['viewer', 403, 403],
      ['predictor', 200, 403],
      ['scientist', 200, 200],
    ] as const) {
      const client = await service.as('acme-corp', role);
      await logged(acme, answer.request_id);
      expect((await client.get(`/api/v1/predictions/${answer.request_id}`)).status).toBe(byId);
      expect((await list('', client)).status).toBe(inList);
    }
  });

  const settings = () => `/api/v1/models/${modelId}/prediction-log`;

  describe('of a model with settings', () => {
    /** Every process follows within its next look. */
    const followed = () => sleep(1500);
    afterEach(async () => {
      await acme.put(settings(), {});
      await followed();
    });

    it('should have those of the service until it has its own', async () => {
      expect((await acme.get(settings())).body).toEqual({
        model_id: modelId,
        sample_rate: 1,
        retention_days: 30,
        redacted_features: [],
      });
      const own = { sample_rate: 0.5, retention_days: 7, redacted_features: ['total_orders'] };
      expect((await acme.put(settings(), own)).body).toEqual({ model_id: modelId, ...own });
      expect((await acme.get(settings())).body).toEqual({ model_id: modelId, ...own });
    });

    it('should not write the values of redacted features, neither for an id in capital letters', async () => {
      await acme.put(settings(), { redacted_features: ['total_orders', 'support_tickets'] });
      await followed();
      const { body: answer } = await predict({ model_id: modelId.toUpperCase(), features: [FEATURES] });
      const { body } = await logged(acme, answer.request_id);
      const { total_orders: _, support_tickets: __, ...rest } = FEATURES;
      expect(body.features).toEqual([rest]);
    });

    it('should be sampled by request', async () => {
      await acme.put(settings(), { sample_rate: 0.5 });
      await followed();
      const answers = await Promise.all(Array.from({ length: 200 }, () => predict()));
      await acme.put(settings(), {});
      await followed();
      await logged(acme, (await predict()).body.request_id);
      let kept = 0;
      // One after the other: two hundred at once could wait too long for a connection.
      for (const { body } of answers) {
        const { status } = await acme.get(`/api/v1/predictions/${body.request_id}`);
        expect([200, 404]).toContain(status);
        if (status === 200) kept++;
      }
      const share = kept / answers.length;
      // Outside of it by chance once in a million.
      expect(share).toBeGreaterThan(0.32);
      expect(share).toBeLessThan(0.68);
    });

    it('should change only from the state that If-Match names', async () => {
      const etag = (await acme.get(settings())).headers.get('etag') as string;
      const headers = { 'if-match': etag };
      expect((await acme.put(settings(), { sample_rate: 0.9 }, headers)).status).toBe(200);
      expect((await acme.put(settings(), { sample_rate: 0.8 }, headers)).status).toBe(412);
      expect((await acme.get(settings())).body.sample_rate).toBe(0.9);
    });
  });

  describe('settings', () => {
    it.each([
      [{ sample_rate: 1.1 }, '/sample_rate'],
      [{ sample_rate: '1' }, '/sample_rate'],
      [{ retention_days: 0 }, '/retention_days'],
      [{ retention_days: 3651 }, '/retention_days'],
      [{ redacted_features: 'age' }, '/redacted_features'],
      [{ redacted_features: ['age', 'age'] }, '/redacted_features'],
      [{ redacted: [] }, '/redacted'],
      [{ sample_rate: '0.5' }, '/sample_rate'],
      [{ sample_rate: null }, '/sample_rate'],
      [{ sample_rate: -0.1 }, '/sample_rate'],
      [{ sample_rate: 50 }, '/sample_rate'],
      [{ sample_rate: [0] }, '/sample_rate'],
      [{ sample_rate: false }, '/sample_rate'],
      [{ retention_days: '7' }, '/retention_days'],
      [{ retention_days: 1.5 }, '/retention_days'],
      [{ retention_days: null }, '/retention_days'],
      [{ redacted_features: null }, '/redacted_features'],
      [{ redacted_features: { age: true } }, '/redacted_features'],
      [{ redacted_features: [1] }, '/redacted_features'],
      [{ redacted_features: [''] }, '/redacted_features'],
      [{ redacted_features: [null] }, '/redacted_features'],
      [{ redactedFeatures: ['total_orders'] }, '/redactedFeatures'],
      [{ samplerate: 0 }, '/samplerate'],
      [{ enabled: false }, '/enabled'],
    ])('should refuse %j', async (body, pointer) => {
      const answer = await acme.put(settings(), body);
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, pointer]);
    });

    it.each([[[]], ['sample_rate=0'], [null], [0]])('should not be %j', async (body) => {
      const answer = await acme.put(settings(), JSON.stringify(body), { 'content-type': 'application/json' });
      expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REQUEST']);
    });

    it('should not be of a model that there is not', async () => {
      for (const id of ['no-such-model', '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e']) {
        const answer = await acme.put(`/api/v1/models/${id}/prediction-log`, { sample_rate: 0 });
        expect([answer.status, answer.body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
      }
    });

    it.each([
      'Total_Orders',
      'total_ordrs',
      ' total_orders',
      'churned',
      'total_orders ',
      '__proto__',
      'x'.repeat(256),
    ])('should refuse to redact %j, which no version has', async (name) => {
      const { status, body } = await acme.put(settings(), { redacted_features: ['total_orders', name] });
      expect([status, body.code, body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
        ...[422, 'VALIDATION_ERROR', ['/redacted_features/1']],
      ]);
      expect(body.detail).toContain(JSON.stringify(name));
      expect(body.detail).toContain('"total_orders"');
      expect((await acme.get(settings())).body.redacted_features).toEqual([]);
    });

    it('should not redact features of a model that has none yet', async () => {
      const { body: model } = await acme.post('/api/v1/models', {
        name: 'without a version',
        model_type: 'regression',
        framework: 'onnx',
      });
      const path = `/api/v1/models/${model.model_id}/prediction-log`;
      const { status, body } = await acme.put(path, { redacted_features: ['age'] });
      expect([status, body.errors[0].pointer]).toEqual([422, '/redacted_features']);
      expect((await acme.put(path, { sample_rate: 0, redacted_features: [] })).status).toBe(200);
    });

    it('should be set by an admin alone', async () => {
      expect((await (await service.as('acme-corp', 'scientist')).put(settings(), {})).status).toBe(403);
    });

    it('should warn of a feature that a later version does not have, and keep it', async () => {
      const redacted_features = ['support_tickets', 'total_orders'];
      expect((await acme.put(settings(), { redacted_features })).body).not.toHaveProperty('warnings');
      // It has total_orders alone.
      await fillVersion(service.database, modelId, '2.0.0');
      const warned = {
        redacted_features,
        warnings: [expect.stringMatching(/^Version 2.0.0 has no feature "support_tickets"/)],
      };
      expect((await acme.get(settings())).body).toMatchObject(warned);
      expect((await acme.put(settings(), { redacted_features })).body).toMatchObject(warned);
    });
  });
});

/** What the log has of a request, once it has it. */
async function logged(client: Client, requestId: string): Promise<Answer> {
  for (const end = Date.now() + 5_000; ; await sleep(20)) {
    const answer = await client.get(`/api/v1/predictions/${requestId}`);
    if (answer.status !== 404 || Date.now() > end) return answer;
  }
}
