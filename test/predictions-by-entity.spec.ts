import type { Answer, Client } from './support/client.js';
import { putFeatures } from './support/features.js';
import type { Service } from './support/service.js';
import { startWithModels, type TrainedModels } from './support/trained-models.js';

const CUSTOMER = { total_orders: 3, days_since_last_order: 190, avg_order_value: 12.5, support_tickets: 4 };

/** The churn model, as if it had been trained on features of a service. */
describe('predictions by entity', () => {
  let service: Service;
  let models: TrainedModels;
  let acme: Client;

  beforeAll(async () => {
    ({ service, models } = await startWithModels());
    acme = await service.as('acme-corp');
    const feature = (name: string) => ({ name, type: name === 'avg_order_value' ? 'float64' : 'int64' });
    const view = (...features: string[]) => ({
      entities: ['customer'],
      source: { path: 's3://data/customers.parquet' },
      timestamp_column: 'at',
      features: features.map(feature),
    });
    await putFeatures(acme, {
      entities: { customer: { keys: [{ name: 'customer_id', type: 'string' }] } },
      views: {
        orders: view('total_orders', 'avg_order_value', 'days_since_last_order', 'never_used'),
        support: { ...view('tickets'), ttl_seconds: 3600 },
      },
    });
    const features = [
      { reference: 'orders@v1:total_orders', name: 'total_orders' },
      { reference: 'orders@v1:avg_order_value', name: 'avg_order_value' },
      { reference: 'orders@v1:days_since_last_order', name: 'days_since_last_order' },
      { reference: 'orders@v1:never_used', name: 'left_out_of_training' },
      { reference: 'support@v1:tickets', name: 'support_tickets', default: 0 },
    ];
    await service.database.query(
      `update model_versions set data = data || jsonb_build_object('feature_service', $2::jsonb) where model_id = $1`,
      [models.churn, { name: 'churn', features }],
    );
    const now = new Date().toISOString();
    const { support_tickets: tickets, ...orders } = CUSTOMER;
    await push('orders', { customer_id: 'c', event_timestamp: now, ...orders, never_used: 1 });
    await push('support', { customer_id: 'c', event_timestamp: now, tickets });
    const stale = new Date(Date.now() - 7_200_000).toISOString();
    await push('orders', {
      customer_id: 'stale',
      event_timestamp: stale,
      ...orders,
      avg_order_value: null,
      never_used: 1,
    });
    await push('support', { customer_id: 'stale', event_timestamp: stale, tickets });
  });
  afterAll(() => service?.stop());

  async function push(view: string, row: object): Promise<void> {
    expect((await acme.post('/api/v1/features/push', { view, rows: [row] })).status).toBe(200);
  }
  const predict = (body: object, model_id = models.churn): Promise<Answer> =>
    acme.post('/api/v1/predictions', { model_id, options: { return_probabilities: true }, ...body });
  const byFeatures = async (features: object) => (await predict({ features })).body.probabilities;

  it('should score what is known of an entity as if it had been sent', async () => {
    const { status, body } = await predict({ entities: { customer_id: 'c' } });
    expect([status, body.feature_gaps]).toEqual([200, {}]);
    expect(body.probabilities).toEqual(await byFeatures(CUSTOMER));
    expect(body.version).toBe('1.0.0');
  });

  it('should tell row by row what was missing or stale, and score it as null or by its default', async () => {
    const { body } = await predict({
      entities: [{ customer_id: 'c' }, { customer_id: 'stale' }, { customer_id: 'unknown' }],
    });
    expect(body.feature_gaps).toEqual([
      {},
      { avg_order_value: 'NULL', support_tickets: 'EXPIRED' },
      {
        total_orders: 'MISSING',
        avg_order_value: 'MISSING',
        days_since_last_order: 'MISSING',
        support_tickets: 'MISSING',
      },
    ]);
    const nothing = { total_orders: null, avg_order_value: null, days_since_last_order: null };
    expect(body.probabilities).toEqual(
      await byFeatures([
        CUSTOMER,
        { ...CUSTOMER, avg_order_value: null, support_tickets: 0 },
        { ...nothing, support_tickets: 0 },
      ]),
    );
  });

  it('should take features that are sent before those that are known', async () => {
    const one = await predict({
      entities: { customer_id: 'stale' },
      features: { support_tickets: 9, avg_order_value: 1 },
    });
    expect(one.body.feature_gaps).toEqual({});
    expect(one.body.probabilities).toEqual(
      await byFeatures({ ...CUSTOMER, support_tickets: 9, avg_order_value: 1 }),
    );
    const list = await predict({
      entities: [{ customer_id: 'c' }, { customer_id: 'c' }],
      features: [{}, { total_orders: 50 }],
    });
    expect(list.body.probabilities).toEqual(await byFeatures([CUSTOMER, { ...CUSTOMER, total_orders: 50 }]));
  });

  it('should log the values that were used, with the keys of the entities', async () => {
    const { body } = await predict({ entities: { customer_id: 'stale' } });
    const read = () => acme.get(`/api/v1/predictions/${body.request_id}`);
    let logged = await read();
    // It is written a moment later.
    for (const end = Date.now() + 30_000; logged.status === 404 && Date.now() < end;) logged = await read();
    expect(logged.body).toMatchObject({
      features: { ...CUSTOMER, avg_order_value: null, support_tickets: 0 },
      entity_keys: { customer_id: 'stale' },
    });
  });

  it('should explain what it looked up', async () => {
    const options = { return_explanation: true };
    const { body } = await predict({ entities: { customer_id: 'c' }, options });
    const sent = await predict({ features: CUSTOMER, options });
    expect(body.explanation).toEqual(sent.body.explanation);
  });

  it('should look up asynchronous predictions when they are made', async () => {
    const { status, body } = await acme.post('/api/v1/predictions/async', {
      model_id: models.churn,
      entities: [{ customer_id: 'c' }],
    });
    expect([status, body.status]).toEqual([202, 'submitted']);
    const refused = await acme.post('/api/v1/predictions/async', { model_id: models.churn, entities: {} });
    expect(refused.body).toMatchObject({ status: 422, errors: [{ pointer: '/entities/customer_id' }] });
  });

  it.each([
    [{ entities: [] }, 400, '/entities'],
    [{ entities: 'c' }, 400, '/entities'],
    [{ entities: [1] }, 400, '/entities/0'],
    [{ entities: [{ customer_id: 'c' }], features: {} }, 400, '/features'],
    [{ entities: { customer_id: 'c' }, features: [{}] }, 400, '/features'],
    [{ entities: [{ customer_id: 'c' }], features: [{}, {}] }, 400, '/features'],
    [{ entities: new Array(1001).fill({ customer_id: 'c' }) }, 400, '/entities'],
    [{}, 400, '/features'],
    [{ entities: {} }, 422, '/entities/customer_id'],
    [{ entities: [{ customer_id: 'c' }, { customer_id: 7 }] }, 422, '/entities/1/customer_id'],
    [{ entities: { customer_id: 'c', plan: 'x' } }, 422, '/entities/plan'],
    [{ entities: { customer_id: 'c' }, features: { total_order: 1 } }, 422, '/features/total_order'],
  ])('should refuse %j', async (request, status, pointer) => {
    const { body } = await predict(request);
    expect(body).toMatchObject({ status, errors: [{ pointer }] });
  });

  it('should refuse a version that was trained on a ready table', async () => {
    const { body } = await predict({ entities: { customer_id: 'c' } }, models.churnOfForest);
    expect(body).toMatchObject({ status: 422, code: 'VALIDATION_ERROR', errors: [{ pointer: '/entities' }] });
    expect(body.detail).toMatch(/not trained on a feature service/);
  });
});
