import { v7 as uuidv7 } from 'uuid';
import type { Row } from './support/batches.js';
import { FeatureScene, FEATURES_PATH, hoursAgo } from './support/feature-scene.js';

const SKEW = `${FEATURES_PATH}/skew`;
const CUSTOMERS = Array.from({ length: 40 }, (_, at) => `cust-${at}`);

describe('skew reports', () => {
  let scene: FeatureScene;
  let model: Row;

  beforeAll(async () => {
    scene = await FeatureScene.start();
    await scene.view(
      'customer_features',
      CUSTOMERS.map((customer_id, at) => ({
        ...{
          customer_id,
          ts: hoursAgo(5),
          total_orders: at,
          avg_order_value: 10 + at,
          days_since_last_order: 1,
        },
      })),
    );
    await scene.define('views/spending', {
      inputs: { request: [{ name: 'amount', type: 'float64' }] },
      features: [{ name: 'tenfold', type: 'float64', expression: 'amount * 10' }],
    });
    await scene.define('services/churn', {
      features: ['customer_features:total_orders', 'customer_features:avg_order_value', 'spending:tenfold'],
    });
    await scene.put(
      'churned.jsonl',
      CUSTOMERS.map((customer_id, at) => ({
        ...{ customer_id, event_timestamp: hoursAgo(4), amount: at % 7, churned: at % 2 },
      })),
    );
    const job = await scene.run('/api/v1/training', {
      model_name: 'churn',
      framework: 'sklearn',
      data_config: {
        ...{ feature_service: 'churn', entity_path: 's3://data/churned.jsonl', target_column: 'churned' },
      },
      hyperparameters: { estimator: 'logistic_regression' },
    });
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    model = job.result as Row;
    await scene.service.database.query(
      'select make_prediction_log_partitions(current_date - 3, current_date)',
    );
  });
  afterAll(() => scene?.stop());

  /** As a prediction by entity is logged. */
  async function log(hours: number, features: unknown, keys: unknown, more: Row = {}): Promise<string> {
    const id = uuidv7({ msecs: Date.now() - hours * 3_600_000 });
    const row = { version: model.version, shadow: null, ...more };
    await scene.service.database.query(
      `insert into prediction_log
         (tenant_id, request_id, model_id, version, row_count, latency_ms, features, output, shadow, entity_keys)
       values ('acme-corp', $1, $2, $3, 1, 1, $4, '{"prediction": [1]}', $5, $6)`,
      [
        ...[id, model.model_id, row.version, JSON.stringify(features), row.shadow],
        keys === null ? null : JSON.stringify(keys),
      ],
    );
    return `req-${id}`;
  }
  const served = (total_orders: unknown, avg_order_value: unknown, tenfold = 20): Row => ({
    ...{ total_orders, avg_order_value, tenfold },
  });
  const keyOf = (at: number): Row => ({ customer_id: `cust-${at}` });
  const of = (at: number): Row => ({ ...keyOf(at), amount: 2 });
  const report = (request: object = {}): Promise<Row> =>
    scene.run(SKEW, { model_id: model.model_id, from: hoursAgo(1), to: hoursAgo(0), ...request });

  it('tell of each feature how far what was served is from what was known then', async () => {
    await log(0.5, served(3, 13, 21), of(3));
    const [worse, better] = [
      await log(0.4, [served(7, 14 * (1 + 1e-12)), served(5, 15)], [of(4), of(5)]),
      await log(0.4, served(7, 16), of(6)),
    ];
    const lacking = await log(0.3, served(null, 17), of(7));
    const unknown = await log(0.3, served(8, null), { customer_id: 'nobody', amount: 2 });
    // None of these count: what nobody was given, what named no entity, another version, another time.
    await log(0.3, served(99, 99), of(9), { shadow: true });
    await log(0.3, served(99, 99), null);
    await log(0.3, served(99, 99), of(9), { version: '9.9.9' });
    await log(2, served(99, 99), of(9));

    const job = await report();
    expect(job).toMatchObject({ status: 'succeeded', error: null, version: model.version, warnings: [] });
    expect(job.result).toEqual({
      rows: 6,
      relative_tolerance: 1e-9,
      views: [{ name: 'customer_features', version: 1, matched: 5, missing: 1, expired: 0 }],
      features: [
        {
          ...{ name: 'total_orders', type: 'int64', rows: 6, equal: 2, equal_share: 2 / 6 },
          ...{ only_online: 1, only_offline: 1, mean_absolute_difference: (3 + 1) / 4 },
          worst: [
            expect.objectContaining({ request_id: lacking, entity: keyOf(7), online: null, offline: 7 }),
            expect.objectContaining({ request_id: unknown, online: 8, offline: null, difference: null }),
            {
              ...{ request_id: worse, time: expect.stringMatching(/Z$/), entity: keyOf(4) },
              ...{ online: 7, offline: 4, difference: 3 },
            },
            expect.objectContaining({ request_id: better, entity: keyOf(6), difference: 1 }),
          ],
        },
        {
          ...{ name: 'avg_order_value', type: 'float64', rows: 6, equal: 6, equal_share: 1 },
          ...{ only_online: 0, only_offline: 0, mean_absolute_difference: expect.closeTo(0, 6), worst: [] },
        },
        expect.objectContaining({
          name: 'tenfold',
          equal: 5,
          worst: [expect.objectContaining({ difference: 1 })],
        }),
      ],
      not_compared: [],
    });
    expect((await scene.acme.get(SKEW)).body.data[0].job_id).toBe(job.job_id);
  });

  it('name what the log does not have', async () => {
    const { tenfold: _, ...values } = served(3, 13);
    await log(10, { ...values, tenfold: 20 }, keyOf(3));
    await log(20, values, of(3));
    const hour = (at: number) => report({ from: hoursAgo(at + 1), to: hoursAgo(at - 1) });
    for (const [at, reason] of [
      [10, 'needs amount of the request, which the log does not have'],
      [20, 'is not in the log: the model does not take it, or it is redacted'],
    ] as const)
      expect((await hour(at)).result).toMatchObject({
        not_compared: [{ name: 'tenfold', reason }],
      });
  });

  it('say so where nobody asked by entity', async () => {
    expect(await report({ from: hoursAgo(50), to: hoursAgo(49) })).toMatchObject({
      status: 'succeeded',
      result: { rows: 0, features: [] },
      warnings: [expect.stringContaining('no prediction by entity')],
    });
  });

  it.each([
    ['an unknown model', { model_id: 'churm' }, 404, 'MODEL_NOT_FOUND'],
    ['an unknown version', { version: '9.9.9' }, 404, 'MODEL_NOT_FOUND'],
    ['no time', { from: undefined }, 400, 'INVALID_REQUEST'],
    ['a time that is none', { to: 'now' }, 400, 'INVALID_REQUEST'],
    ['an end before the beginning', { to: hoursAgo(2) }, 422, 'VALIDATION_ERROR'],
    ['an unknown field', { model: 'churn' }, 400, 'INVALID_REQUEST'],
  ])('with %s are refused', async (_, fault, status, code) => {
    const request = { model_id: 'churn', from: hoursAgo(1), to: hoursAgo(0), ...fault };
    expect(await scene.acme.post(SKEW, request)).toMatchObject({ status, body: { code } });
  });

  it('are for versions with a feature service alone', async () => {
    const job = await scene.run('/api/v1/training', {
      ...{ model_name: 'plain', framework: 'sklearn', hyperparameters: { estimator: 'logistic_regression' } },
      data_config: {
        train_path: 's3://data/churned.jsonl',
        target_column: 'churned',
        feature_columns: ['amount'],
      },
    });
    expect(job).toMatchObject({ status: 'succeeded' });
    expect(
      await scene.acme.post(SKEW, { model_id: 'plain', from: hoursAgo(1), to: hoursAgo(0) }),
    ).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/model_id', message: expect.stringContaining('no feature service') }] },
    });
  });

  it('of another tenant are not to be had', async () => {
    const globex = await scene.service.as('globex', 'scientist');
    const request = { model_id: model.model_id, from: hoursAgo(1), to: hoursAgo(0) };
    expect((await globex.post(SKEW, request)).status).toBe(404);
    const [{ job_id }] = (await scene.acme.get(SKEW)).body.data;
    expect((await globex.get(`${SKEW}/${job_id}`)).status).toBe(404);
    expect((await globex.delete(`${SKEW}/${job_id}`)).status).toBe(404);
    const viewer = await scene.service.as('acme-corp', 'viewer');
    expect((await viewer.post(SKEW, request)).status).toBe(403);
  });
});
