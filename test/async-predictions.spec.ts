import { setTimeout as sleep } from 'node:timers/promises';
import { JobRetention } from '../src/platform/jobs/job-retention.js';
import type { Answer, Client } from './support/client.js';
import { FEATURES } from './support/churn.js';
import { WorkerProcess } from './support/processes.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

const KEPT_SECONDS = 4;

describe('asynchronous predictions', () => {
  let service: Service;
  let worker: WorkerProcess;
  let acme: Client;
  let models: TrainedModels;
  let modelId: string;

  beforeAll(async () => {
    ({ service, models } = await startWithModels({
      env: { MODELPLANE_ASYNC_PREDICTIONS_KEPT_SECONDS: String(KEPT_SECONDS) },
    }));
    modelId = models.churn;
    worker = await WorkerProcess.start(service);
    acme = await service.as('acme-corp', 'scientist');
  });
  afterAll(async () => {
    await worker?.kill('SIGTERM');
    await service?.stop();
  });

  const submit = (body: object = {}, headers = {}, client = acme) =>
    client.post('/api/v1/predictions/async', { model_id: modelId, features: FEATURES, ...body }, headers);

  const pathOf = ({ body }: Answer) => `/api/v1/predictions/async/${body.job_id}`;

  /** What is answered once it is no longer 202. */
  async function answered(path: string): Promise<Answer> {
    for (;;) {
      const answer = await acme.get(path);
      if (answer.status !== 202) return answer;
      await sleep(20);
    }
  }

  async function loggedAs(requestId: string, expected: object): Promise<void> {
    for (;;) {
      const { status, body } = await acme.get(`/api/v1/predictions/${requestId}`);
      if (status === 200) return expect(body).toMatchObject(expected);
      await sleep(20);
    }
  }

  it('should be answered 202 with a job, then with the prediction that a single one has', async () => {
    const options = { return_probabilities: true };
    const submitted = await submit({ version: '1.0.0', options });
    expect(submitted.status).toBe(202);
    expect(submitted.body).toEqual({
      job_id: expect.stringMatching(/^pred-[0-9a-f-]{36}$/),
      status: 'submitted',
      request_id: expect.stringMatching(/^req-[0-9a-f-]{36}$/),
      model_id: modelId,
      version: '1.0.0',
      created_at: expect.any(String),
    });
    const { status, body } = await answered(pathOf(submitted));
    expect(status).toBe(200);
    const single = { model_id: modelId, features: FEATURES, options };
    const { body: expected } = await acme.post('/api/v1/predictions', single);
    expect(body).toEqual({
      ...expected,
      request_id: submitted.body.request_id,
      latency_ms: expect.any(Number),
    });
  });

  it('should be logged under the id of their request', async () => {
    const submitted = await submit({ features: [FEATURES, FEATURES] });
    await answered(pathOf(submitted));
    await loggedAs(submitted.body.request_id, { row_count: 2, features: [FEATURES, FEATURES] });
  });

  it('should wait while no worker is there, and be answered by the next', async () => {
    await worker.kill('SIGKILL');
    const submitted = await submit();
    const { status, body, headers } = await acme.get(pathOf(submitted));
    expect([status, body.status, headers.get('retry-after')]).toEqual([202, 'submitted', '1']);
    worker = await WorkerProcess.start(service);
    expect((await answered(pathOf(submitted))).status).toBe(200);
  });

  it('should be cancelled while they wait, and not afterwards', async () => {
    await worker.kill('SIGTERM');
    const submitted = await submit();
    const cancelled = await acme.delete(pathOf(submitted));
    expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
    expect((await acme.get(pathOf(submitted))).body.code).toBe('JOB_ENDED');
    expect((await acme.delete(pathOf(submitted))).body.code).toBe('JOB_ENDED');
    worker = await WorkerProcess.start(service);
  });

  it('should be gone after the time that they are kept, and deleted', async () => {
    const submitted = await submit();
    expect((await answered(pathOf(submitted))).status).toBe(200);
    await sleep(KEPT_SECONDS * 1000 + 200);
    const { status, body } = await acme.get(pathOf(submitted));
    expect([status, body.code]).toEqual([404, 'JOB_NOT_FOUND']);
    const count = 'select count(*)::int from jobs where id = $1';
    expect(await service.database.query(count, [submitted.body.job_id])).toEqual([{ count: 1 }]);
    await service.app.get(JobRetention, { strict: false }).deleteOld();
    expect(await service.database.query(count, [submitted.body.job_id])).toEqual([{ count: 0 }]);
    const kept = await service.database.query(`select from jobs where kind = 'training'`);
    expect(kept.length).toBeGreaterThan(0);
  });

  it('should be made once under one Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'once' };
    const [first, second] = [await submit({}, key), await submit({}, key)];
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect((await submit({ version: '1.0.0' }, key)).body.code).toBe('IDEMPOTENCY_MISMATCH');
  });

  it('should keep any text that a feature may be', async () => {
    const model_id = models.churnWithoutTickets;
    const features = { ...FEATURES, support_tickets: 'a\u0000b \ud800' };
    const submitted = await submit({ model_id, features });
    expect(submitted.status).toBe(202);
    expect((await answered(pathOf(submitted))).status).toBe(200);
    const kept = { ...FEATURES, support_tickets: 'a\ufffdb \ufffd' };
    await loggedAs(submitted.body.request_id, { features: kept });
  });

  it.each([
    [{ model_id: 5 }, 400, 'INVALID_REQUEST', '/model_id'],
    [{ features: [] }, 400, 'INVALID_REQUEST', '/features'],
    [{ unknown: 1 }, 400, 'INVALID_REQUEST', '/unknown'],
    [{ features: { ...FEATURES, total_orders: 'many' } }, 422, 'VALIDATION_ERROR', '/features/total_orders'],
    [{ features: [FEATURES, {}] }, 422, 'VALIDATION_ERROR', '/features/1/total_orders'],
    [{ version: '9.9.9' }, 404, 'MODEL_NOT_FOUND', undefined],
    [{ model_id: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e' }, 404, 'MODEL_NOT_FOUND', undefined],
  ])('should refuse %j when it is submitted', async (body, status, code, pointer) => {
    const answer = await submit(body);
    expect([answer.status, answer.body.code, answer.body.errors?.[0].pointer]).toEqual([
      status,
      code,
      pointer,
    ]);
  });

  it('should answer for those of another tenant, and of another kind, as for none', async () => {
    const submitted = await submit();
    const globex = await service.as('globex');
    for (const path of [pathOf(submitted), '/api/v1/predictions/async/pred-1'])
      expect((await globex.get(path)).body.code).toBe('JOB_NOT_FOUND');
    expect((await globex.delete(pathOf(submitted))).body.code).toBe('JOB_NOT_FOUND');
    expect((await acme.get(`/api/v1/training/${submitted.body.job_id}`)).body.code).toBe('JOB_NOT_FOUND');
    expect((await submit({}, {}, await service.as('acme-corp', 'viewer'))).status).toBe(403);
  });
});
