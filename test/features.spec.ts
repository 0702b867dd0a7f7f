import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from './support/batches.js';
import { FeatureScene, FEATURES_PATH, hoursAgo } from './support/feature-scene.js';

const CUSTOMERS = 60;
const customer = (at: number): string => `cust-${at}`;

/** The whole way, as somebody goes it who has files of customers and wants a model in production. */
describe('features', () => {
  let scene: FeatureScene;

  beforeAll(async () => {
    scene = await FeatureScene.start();
  });
  afterAll(() => scene?.stop());

  /** Who has few orders leaves. */
  const row = (at: number, hours: number): Row => ({
    ...{ customer_id: customer(at), ts: hoursAgo(hours) },
    ...{ total_orders: at % 2 ? at % 5 : 30 + at, avg_order_value: 10 + at / 4, days_since_last_order: at },
  });

  it('are the same in training and in production', async () => {
    const { acme } = scene;
    // Define.
    const rows = Array.from({ length: CUSTOMERS }, (_, at) => row(at, 48));
    await scene.view('customer_features', rows);
    await scene.define('views/order_value', {
      inputs: { features: ['customer_features:total_orders', 'customer_features:avg_order_value'] },
      features: [{ name: 'spent', type: 'float64', expression: 'total_orders * avg_order_value' }],
    });
    await scene.define('services/churn', {
      features: ['customer_features:total_orders', 'customer_features:avg_order_value', 'order_value:spent'],
      rename: { 'customer_features:total_orders': 'orders' },
      default_values: { orders: 0 },
    });

    // Materialize.
    expect(await scene.materialize('customer_features')).toMatchObject({
      entities: CUSTOMERS,
      written: CUSTOMERS,
    });

    // A historical set.
    const entities = rows.map(({ customer_id }, at) => ({
      ...{ customer_id, event_timestamp: hoursAgo(24), churned: at % 2 },
    }));
    const set = await scene.join({ feature_service: 'churn', entity_rows: entities, name: 'churn' });
    expect(set.rows).toHaveLength(CUSTOMERS);
    expect(set.rows[7]).toMatchObject({ orders: 2, avg_order_value: 11.75, spent: 23.5, churned: 1 });

    // Train with the service, and promote.
    await scene.put('churned.jsonl', entities);
    const job = await scene.run('/api/v1/training', {
      ...{ model_name: 'churn', framework: 'sklearn', hyperparameters: { estimator: 'logistic_regression' } },
      data_config: {
        ...{ feature_service: 'churn', entity_path: 's3://data/churned.jsonl', target_column: 'churned' },
      },
    });
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    const { model_id, version } = job.result as Row;
    for (const target_stage of ['staging', 'production'])
      expect((await acme.put(`/api/v1/models/${model_id}/stage`, { version, target_stage })).status).toBe(
        200,
      );

    // Predict by entity: as the same values do that are sent.
    const from = new Date().toISOString();
    const predict = async (body: object): Promise<Row> => {
      const options = { return_probabilities: true };
      const answer = await acme.post('/api/v1/predictions', { model_id, options, ...body });
      expect(answer).toMatchObject({ status: 200, body: { version } });
      return answer.body;
    };
    const before = await predict({ entities: { customer_id: customer(7) } });
    const { orders, avg_order_value, spent } = set.rows[7]!;
    expect(before).toMatchObject({ prediction: [1], feature_gaps: {} });
    expect(before.probabilities).toEqual(
      (await predict({ features: { orders, avg_order_value, spent } })).probabilities,
    );

    // Push, and predict again: differently.
    const { ts: _, ...values } = row(7, 0);
    const pushed = { ...values, total_orders: 80, event_timestamp: new Date().toISOString() };
    expect((await scene.push('customer_features', [pushed])).status).toBe(200);
    const after = await predict({ entities: { customer_id: customer(7) } });
    expect(after).toMatchObject({ prediction: [0] });
    expect(after.probabilities).toEqual(
      (await predict({ features: { orders: 80, avg_order_value, spent: 80 * 11.75 } })).probabilities,
    );
    const unknown = await predict({ entities: { customer_id: 'nobody' } });
    expect(unknown.feature_gaps).toMatchObject({ orders: 'MISSING', avg_order_value: 'MISSING' });

    // A skew report: what was served is what was known.
    await logged(unknown.request_id as string);
    const skew = async (): Promise<Row> => {
      const report = await scene.run(`${FEATURES_PATH}/skew`, {
        model_id,
        from,
        to: new Date().toISOString(),
      });
      expect(report).toMatchObject({ status: 'succeeded', error: null });
      return report.result as Row;
    };
    const same = { equal: 3, only_online: 0, only_offline: 0, worst: [] };
    expect(await skew()).toMatchObject({
      rows: 3,
      features: ['orders', 'avg_order_value', 'spent'].map((name) => ({ name, ...same })),
      not_compared: [],
    });
    // Until somebody says that it was otherwise then.
    await scene.put('customer_features/corrected.jsonl', [{ ...row(7, 30), total_orders: 12 }]);
    expect(await skew()).toMatchObject({
      features: [
        {
          name: 'orders',
          equal: 2,
          worst: [{ request_id: before.request_id, online: 2, offline: 12, difference: 10 }],
        },
        { name: 'avg_order_value', ...same },
        { name: 'spent', equal: 2 },
      ],
    });
  });

  async function logged(request: string): Promise<void> {
    while ((await scene.acme.get(`/api/v1/predictions/${request}`)).status !== 200) await sleep(20);
  }
});
