import type { Row } from './support/batches.js';
import type { Client } from './support/client.js';
import { FeatureScene } from './support/feature-scene.js';
import { uploadForm } from './support/uploads.js';

const TRAINING = '/api/v1/training';
const TUNING = '/api/v1/tuning';
const CUSTOMERS = 60;
const day = (at: number): string => new Date(Date.UTC(2026, 0, at)).toISOString();
const customer = (at: number): string => `cust-${at}`;

describe('training on a feature service', () => {
  let scene: FeatureScene;

  beforeAll(async () => {
    scene = await FeatureScene.start();
    // What is known on the 10th decides; what happens on the 20th says the opposite.
    const rows = Array.from({ length: CUSTOMERS }, (_, at) => at).flatMap((at) => [
      row(at, 10, at % 2 ? 40 + at : at / 10),
      row(at, 20, at % 2 ? at / 10 : 40 + at),
    ]);
    await scene.view('customer_features', rows);
    await scene.define('services/churn', {
      features: ['customer_features:total_orders', 'customer_features:avg_order_value'],
      rename: { 'customer_features:total_orders': 'orders' },
      default_values: { orders: 0 },
    });
    await scene.put('churned.jsonl', entities(15));
    await scene.put('churned_later.jsonl', entities(16).slice(0, 20));
  });
  afterAll(() => scene?.stop());

  const row = (at: number, ts: number, total_orders: number): Row => ({
    ...{ customer_id: customer(at), ts: day(ts), total_orders: Math.round(total_orders) },
    ...{ avg_order_value: Math.sin(at) * 10, days_since_last_order: at },
  });
  const entities = (at: number): Row[] =>
    Array.from({ length: CUSTOMERS }, (_, number) => ({
      ...{ customer_id: customer(number), event_timestamp: day(at), region: `r${number % 3}` },
      churned: number % 2,
    }));
  const data = (more: object = {}): object => ({
    ...{
      feature_service: 'churn',
      entity_path: 's3://data/churned.jsonl',
      target_column: 'churned',
      ...more,
    },
  });
  const request = (model_name: string, more: object = {}): object => ({
    ...{ model_name, framework: 'sklearn', data_config: data(more) },
    hyperparameters: { estimator: 'logistic_regression' },
  });
  const versionOf = async ({ model_id, version }: Row): Promise<Row> =>
    (await scene.acme.get(`/api/v1/models/${model_id}/versions/${version}`)).body;

  it('learns from its features as of the time of each row, and from nothing else', async () => {
    const job = await scene.run(
      TRAINING,
      request('churn', { entity_validation_path: 's3://data/churned_later.jsonl' }),
    );
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    // Values of the 20th would have it wrong each time.
    expect((job.metrics as Row).val_accuracy).toBe(1);
    const { signature, lineage } = await versionOf(job.result as Row);
    expect((signature as { inputs: Row[] }).inputs.map(({ name }) => name)).toEqual([
      'orders',
      'avg_order_value',
    ]);
    expect((lineage as Row).data).toMatchObject({
      feature_service: {
        name: 'churn',
        features: [
          { reference: 'customer_features@v1:total_orders', name: 'orders', default: 0 },
          { reference: 'customer_features@v1:avg_order_value', name: 'avg_order_value' },
        ],
      },
      entity_path: 's3://data/churned.jsonl',
      train_files: [{ uri: 's3://data/churned.jsonl' }],
      feature_files: [{ uri: 's3://data/customer_features/first.jsonl', etag: expect.any(String) }],
      definition_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      feature_views: {
        train: [{ name: 'customer_features', version: 1, matched: CUSTOMERS, missing: 0, expired: 0 }],
        validation: [{ matched: 20 }],
      },
    });
    // What the service is by now changes nothing of what was trained.
    const lineageOfView = await scene.acme.get('/api/v1/features/views/customer_features/lineage');
    expect(JSON.stringify(lineageOfView.body)).toContain('churn');
  });

  it('learns from other columns of the rows where they are named', async () => {
    const job = await scene.run(TRAINING, request('regional', { feature_columns: ['orders', 'region'] }));
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    const { signature } = await versionOf(job.result as Row);
    expect((signature as { inputs: Row[] }).inputs.map(({ name }) => name)).toEqual(['orders', 'region']);
  });

  it('can be looked at before', async () => {
    const { status, body } = await scene.acme.post(`${TRAINING}/validate`, request('churn'));
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        is_trainable: true,
        rows_read: CUSTOMERS,
        columns: [{ name: 'orders' }, { name: 'avg_order_value' }],
      },
    });
    const other = await scene.acme.post(
      `${TRAINING}/validate`,
      request('churn', { target_column: 'chrned' }),
    );
    expect(other.body).toMatchObject({
      is_trainable: false,
      problems: [{ code: 'COLUMN_NOT_FOUND', message: expect.stringContaining('churned') }],
    });
  });

  it('is named by an upload, too', async () => {
    const job = await scene.run(TRAINING, request('copied'));
    const { model_id, version } = job.result as Row;
    const artifact = await download(scene.acme, `/api/v1/models/${model_id}/versions/${version}/artifact`);
    const { inputs } = (await versionOf({ model_id, version })).signature as { inputs: Row[] };
    const features = inputs.map(({ name, tensor }) => ({ name, tensor }));
    const upload = (feature_service: string) => {
      const form = uploadForm(artifact, { labels: [0, 1], features });
      form.append('feature_service', feature_service);
      return scene.acme.post(`/api/v1/models/${model_id}/versions`, form);
    };
    expect(await upload('churn')).toMatchObject({
      status: 201,
      body: {
        origin: 'uploaded',
        lineage: {
          data: {
            feature_service: {
              name: 'churn',
              features: [{ reference: 'customer_features@v1:total_orders', name: 'orders', default: 0 }, {}],
            },
          },
        },
      },
    });
    await scene.define('services/other', { features: ['customer_features:days_since_last_order'] });
    for (const [service, message] of [
      ['chrn', /churn/],
      ['other', /none of the features.*days_since_last_order/],
    ] as const)
      expect(await upload(service)).toMatchObject({
        status: 422,
        body: { errors: [{ pointer: '/feature_service', message: expect.stringMatching(message) }] },
      });
  });

  it('can be searched', async () => {
    const job = await scene.run(TUNING, {
      ...{
        model_name: 'searched',
        framework: 'sklearn',
        estimator: 'logistic_regression',
        data_config: data(),
      },
      ...{
        search_space: { C: { type: 'loguniform', min: 0.1, max: 10 } },
        objective_metric: 'val_loss',
        num_trials: 2,
      },
    });
    expect(job).toMatchObject({ status: 'succeeded', error: null });
    expect(await versionOf(job.result as Row)).toMatchObject({
      lineage: { data: { trial: expect.any(Number), feature_service: { name: 'churn' } } },
    });
  });

  it.each([
    ['an unknown service', { feature_service: 'chrn' }, 422, '/data_config/feature_service', /churn/],
    [
      'a table beside it',
      { train_path: 's3://data/churned.jsonl' },
      400,
      '/data_config/train_path',
      /feature_service/,
    ],
    [
      ...[
        'a table to measure on beside it',
        { validation_path: 's3://data/x.csv' },
        400,
        '/data_config/validation_path',
      ],
      /feature_service/,
    ],
    ['no rows', { entity_path: undefined }, 400, '/data_config/entity_path', /string/],
    ['rows without a service', { feature_service: undefined }, 400, '/data_config/train_path', /string/],
    [
      'rows outside of the grants',
      { entity_path: 's3://other/x.csv' },
      403,
      '/data_config/entity_path',
      /outside/,
    ],
    [
      ...['a time for a table', { feature_service: undefined, train_path: 's3://data/churned.jsonl' }, 400],
      ...['/data_config/entity_path', /feature_service/],
    ],
  ] as [string, object, number, string, RegExp][])(
    'with %s is refused by name',
    async (_, fault, status, pointer, message) => {
      const answer = await scene.acme.post(TRAINING, request('refused', fault));
      const error = { pointer, message: expect.stringMatching(message) };
      expect(answer).toMatchObject({ status, body: { errors: expect.arrayContaining([error]) } });
    },
  );

  it('of another tenant is that of none', async () => {
    const globex = await scene.service.as('globex', 'scientist');
    const own = request('churn', { entity_path: 's3://tenants/globex/churned.jsonl' });
    expect(await globex.post(TRAINING, own)).toMatchObject({
      status: 422,
      body: { errors: [{ message: "there is no feature service 'churn'" }] },
    });
  });
});

async function download(client: Client, path: string): Promise<Buffer> {
  const response = await fetch(client.url + path, { headers: { authorization: `Bearer ${client.token}` } });
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}
