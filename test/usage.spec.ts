import { FEATURES } from './support/churn.js';
import { Client } from './support/client.js';
import { ApiProcess } from './support/processes.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageUpkeep } from '../src/platform/usage/usage-upkeep.js';

const USAGE = '/api/v1/usage';

interface Day {
  day: string;
  requests: number;
  rows: number;
  job_seconds: number;
  stored_bytes: number | null;
}

describe('what a tenant used', () => {
  let service: Service;
  let models: TrainedModels;
  let acme: Client;

  beforeAll(async () => {
    ({ service, models } = await startWithModels({ role: 'all' }));
    acme = await service.as('acme-corp', 'predictor');
  });
  afterAll(() => service?.stop());

  const days = async (client = acme, query = ''): Promise<Day[]> => {
    const { status, body } = await client.get(`${USAGE}${query}`);
    expect({ status, body }).toMatchObject({ status: 200 });
    return body.data;
  };
  /** Of all days, since one may end while a test runs. */
  const total = async (client = acme): Promise<Omit<Day, 'day' | 'stored_bytes'>> =>
    (await days(client)).reduce(
      (sum, { requests, rows, job_seconds }) => ({
        requests: sum.requests + requests,
        rows: sum.rows + rows,
        job_seconds: sum.job_seconds + job_seconds,
      }),
      { requests: 0, rows: 0, job_seconds: 0 },
    );
  const predict = (rows: number, client = acme, model_id: string = models.churn) =>
    client.post('/api/v1/predictions', { model_id, features: Array(rows).fill(FEATURES) });

  it('should be every request, refused ones with them', async () => {
    const initech = await service.as('initech', 'viewer');
    const answers = [
      await initech.get('/api/v1/models'),
      await initech.get('/api/v1/nothing'),
      await initech.get(`/api/v1/models/${models.churn}`),
      await initech.post('/api/v1/models', {}),
      await predict(1, await service.as('initech', 'predictor')),
      await service.with('no token').get('/api/v1/models'),
      await initech.get('/healthcheck'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 404, 403, 404, 401, 200]);
    // Neither the last two, nor the request that asks.
    const counted = (await total(initech)).requests;
    expect(await total(initech)).toEqual({ requests: counted + 1, rows: 0, job_seconds: 0 });
    expect(counted).toBe(4);
  });

  it('should be the rows of predictions that were answered', async () => {
    const before = (await total()).rows;
    const refused = await acme.post('/api/v1/predictions', { model_id: models.churn, features: [{}, {}] });
    expect(refused.status).toBe(422);
    expect((await predict(1)).status).toBe(200);
    expect((await predict(7)).status).toBe(200);
    // They come with the counts of predictions, a second later.
    while ((await total()).rows < before + 8);
    expect((await total()).rows).toBe(before + 8);
  });

  it('should be the seconds of its jobs, and the rows that they scored', async () => {
    const before = await total();
    const { body } = await acme.post('/api/v1/predictions/async', {
      model_id: models.churn,
      features: [FEATURES, FEATURES],
    });
    while ((await acme.get(`/api/v1/predictions/async/${body.job_id}`)).status === 202) await sleep(50);
    let after = await total();
    while (after.rows < before.rows + 2 || after.job_seconds === before.job_seconds) after = await total();
    expect(after.rows).toBe(before.rows + 2);
    expect(after.job_seconds).toBeGreaterThan(before.job_seconds);
  });

  it('should be the bytes that it keeps, and nothing of another tenant', async () => {
    await service.app.get(UsageUpkeep, { strict: false }).noteStored();
    const [today] = (await days()).slice(-1) as [Day];
    const { object_bytes, artifact_bytes, log_bytes } = (await acme.get('/api/v1/me')).body.storage;
    expect(today.stored_bytes).toBeGreaterThan(object_bytes + artifact_bytes - 1);
    expect(today.stored_bytes).toBeLessThanOrEqual(object_bytes + artifact_bytes + log_bytes);
    const globex = await service.as('globex', 'viewer');
    const own = await days(globex);
    expect(own).toHaveLength(30);
    expect(own.at(-1)).toMatchObject({ rows: 0, job_seconds: 0, stored_bytes: null });
  });

  it('should lose nothing at an orderly end, and be the sum of all processes', async () => {
    const hooli = await service.as('hooli', 'viewer');
    const api = await ApiProcess.start(service);
    const there = new Client(api.url, hooli.token);
    for (let time = 0; time < 10; time++) expect((await there.get('/api/v1/models')).status).toBe(200);
    for (let time = 0; time < 5; time++) expect((await hooli.get('/api/v1/models')).status).toBe(200);
    await api.kill('SIGTERM');
    expect((await total(hooli)).requests).toBe(15);
  });

  it('should be told of the days that are asked for, also of those without anything', async () => {
    await service.database.query(
      `insert into tenant_usage values ('acme-corp', '2026-02-03', 5, 6, 1.5, 700), ('globex', '2026-02-03', 1, 1, 1, 1)`,
    );
    expect(await days(acme, '?from=2026-02-02&to=2026-02-04')).toEqual([
      { day: '2026-02-02', requests: 0, rows: 0, job_seconds: 0, stored_bytes: null },
      { day: '2026-02-03', requests: 5, rows: 6, job_seconds: 1.5, stored_bytes: 700 },
      { day: '2026-02-04', requests: 0, rows: 0, job_seconds: 0, stored_bytes: null },
    ]);
    expect(await days(acme, '?from=2026-01-01&to=2026-04-02')).toHaveLength(92);
    expect((await days(acme, '?to=2024-03-01')).map(({ day }) => day).slice(-3)).toEqual([
      '2024-02-28',
      '2024-02-29',
      '2024-03-01',
    ]);
  });

  it.each([
    ['from=2026-02-30', 'day of the calendar'],
    ['from=2025-02-29&to=2025-03-02', 'day of the calendar'],
    ['from=yesterday', 'must be a day such as 2026-02-12'],
    ['to=2026-2-1', 'must be a day such as'],
    ['from=2026-02-12T00:00:00Z', 'must be a day such as'],
    ['from=2026-02-02&to=2026-02-01', 'must not be after to'],
    ['from=2026-01-01&to=2026-04-03', 'at most 91 days'],
    ['from=9999-99-99', 'day of the calendar'],
    ['from=2026-02-01&from=2026-02-02', 'must be a day such as'],
    ['tenant_id=globex', 'tenant_id'],
  ])('should be refused for the window %s', async (query, message) => {
    const { status, body } = await acme.get(`${USAGE}?${query}`);
    expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(body.detail).toContain(message);
  });

  it('should be told to every role, and to nobody without a token', async () => {
    for (const role of ['viewer', 'predictor', 'scientist', 'admin', 'service'] as const)
      expect((await (await service.as('globex', role)).get(USAGE)).status).toBe(200);
    expect((await service.with(undefined).get(USAGE)).status).toBe(401);
  });
});
