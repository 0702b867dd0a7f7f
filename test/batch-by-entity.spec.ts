import { BATCH, BatchScene } from './support/batch-scene.js';
import { jsonLines, type Row, rowsOf } from './support/batches.js';
import { FEATURES_PATH, hoursAgo } from './support/feature-scene.js';

const VIEW = {
  entities: ['customer'],
  source: { path: 's3://data/profiles.jsonl', format: 'json_lines' },
  timestamp_column: 'at',
  ttl_seconds: 24 * 3600 * 30,
};
const profile = (customer_id: string, at: string, total_orders: number, more: Row = {}): Row => ({
  ...{ customer_id, at, total_orders, avg_order_value: 12.5, days_since_last_order: 190 },
  ...more,
});

/** The churn model, as if it had been trained on features of a service. */
describe('a batch of rows that name entities', () => {
  let scene: BatchScene;

  beforeAll(async () => {
    scene = await BatchScene.start();
    const { acme } = scene;
    await scene.put(
      'profiles.jsonl',
      jsonLines([
        profile('a', hoursAgo(100), 3),
        profile('a', hoursAgo(10), 40),
        profile('b', hoursAgo(10), 7, { avg_order_value: null }),
        profile('stale', hoursAgo(24 * 40), 9),
      ]),
    );
    const put = async (path: string, body: object) => {
      const answer = await acme.put(`${FEATURES_PATH}/${path}`, body);
      expect(answer).toMatchObject({ body: { name: expect.any(String) as string } });
    };
    await put('entities/customer', { keys: [{ name: 'customer_id', type: 'string' }] });
    await put('views/profiles', {
      ...VIEW,
      features: [
        { name: 'total_orders', type: 'int64' },
        { name: 'avg_order_value', type: 'float64' },
        { name: 'days_since_last_order', type: 'int64' },
      ],
    });
    await put('views/support', {
      inputs: {
        request: [{ name: 'calls', type: 'int64' }],
        features: ['profiles:total_orders'],
      },
      features: [{ name: 'tickets', type: 'int64', expression: 'coalesce(calls + total_orders % 2, 0)' }],
    });
    const features = [
      { reference: 'profiles@v1:total_orders', name: 'total_orders', default: 1 },
      { reference: 'profiles@v1:avg_order_value', name: 'avg_order_value' },
      { reference: 'profiles@v1:days_since_last_order', name: 'days_since_last_order' },
      { reference: 'support@v1:tickets', name: 'support_tickets' },
    ];
    await scene.service.database.query(
      `update model_versions set data = data || jsonb_build_object('feature_service', $2::jsonb) where model_id = $1`,
      [scene.churn, { name: 'churn', features }],
    );
  });
  afterAll(() => scene?.stop());

  const columns = ({ total_orders, avg_order_value, days_since_last_order, support_tickets }: Row): Row => ({
    ...{ total_orders, avg_order_value, days_since_last_order, support_tickets },
  });

  it('should have the features of now, and answers as for rows that hold them', async () => {
    await scene.put(
      'entities.jsonl',
      jsonLines(['a', 'b', 'stale', 'unknown'].map((customer_id) => ({ customer_id, calls: 2 }))),
    );
    const output = await scene.score({
      model_id: scene.churn,
      input_path: 's3://data/entities.jsonl',
      use_feature_service: true,
    });
    const rows = await rowsOf(output);
    expect(rows.map((row) => [row.customer_id, columns(row)])).toEqual([
      ['a', { total_orders: 40, avg_order_value: 12.5, days_since_last_order: 190, support_tickets: 2 }],
      ['b', { total_orders: 7, avg_order_value: null, days_since_last_order: 190, support_tickets: 3 }],
      ['stale', { total_orders: 1, avg_order_value: null, days_since_last_order: null, support_tickets: 0 }],
      [
        'unknown',
        { total_orders: 1, avg_order_value: null, days_since_last_order: null, support_tickets: 0 },
      ],
    ]);
    await scene.expectEqual(output, scene.churn, rows.map(columns));
    expect(output.job.warnings).toEqual([
      'View profiles@v1: 2 rows have values; of the entities of 1 nothing was known, and those of 1 had expired.',
    ]);
    expect(output.manifest).toMatchObject({
      input: { path: 's3://data/entities.jsonl' },
      parts: [{ input: 's3://data/entities.jsonl', first_row: 0 }],
    });
  });

  it('should have the features of the time of each row, and take columns of the rows before them', async () => {
    await scene.put(
      'dated.jsonl',
      jsonLines([
        { customer_id: 'a', calls: 0, seen: hoursAgo(50), days_since_last_order: 1 },
        { customer_id: 'a', calls: 0, seen: hoursAgo(5), days_since_last_order: 2 },
        { customer_id: 'a', calls: 0, seen: hoursAgo(500), days_since_last_order: 3 },
      ]),
    );
    const output = await scene.score({
      ...{ model_id: scene.churn, input_path: 's3://data/dated.jsonl', use_feature_service: true },
      timestamp_column: 'seen',
    });
    const rows = await rowsOf(output);
    expect(rows.map((row) => [row.total_orders, row.days_since_last_order])).toEqual([
      [3, 1],
      [40, 2],
      [1, 3],
    ]);
    const again = await scene.acme.post(`${BATCH}/${String(output.job.job_id)}/rerun`, { overwrite: true });
    expect(again).toMatchObject({ status: 202 });
    const rerun = await scene.acme.waitForJob(`${BATCH}/${again.body.job_id}`);
    expect(rerun.body).toMatchObject({ status: 'succeeded', result: { rows_scored: 3 } });
  });

  it('should have rows that were pushed', async () => {
    const pushed = { customer_id: 'new', event_timestamp: hoursAgo(1), total_orders: 5 };
    const values = { avg_order_value: 1, days_since_last_order: 2 };
    const body = { view: 'profiles', rows: [{ ...pushed, ...values }] };
    expect((await scene.acme.post(`${FEATURES_PATH}/push`, body)).status).toBe(200);
    await scene.put('pushed.csv', 'customer_id,calls\nnew,0\n');
    const output = await scene.score({
      ...{ model_id: scene.churn, input_path: 's3://data/pushed.csv', use_feature_service: true },
      passthrough_columns: ['customer_id', 'total_orders'],
    });
    expect(await rowsOf(output)).toMatchObject([{ customer_id: 'new', total_orders: 5 }]);
  });

  it('should fail by the name of what the rows lack', async () => {
    await scene.put('keyless.jsonl', jsonLines([{ calls: 1 }]));
    const { job } = await scene.run({
      ...{ model_id: scene.churn, input_path: 's3://data/keyless.jsonl', use_feature_service: true },
    });
    expect(job).toMatchObject({ status: 'failed', error: { code: 'COLUMN_NOT_FOUND' } });
    expect((job.error as Row).message).toMatch(/customer_id/);
  });

  it.each([
    [{ timestamp_column: 'seen' }, '/timestamp_column', /use_feature_service/],
    [{ use_feature_service: true }, '/use_feature_service', /not trained on a feature service/],
  ])('should refuse %j of a model of ready rows', async (more, pointer, message) => {
    const { body } = await scene.acme.post(BATCH, {
      ...{
        model_id: scene.subscriptions,
        input_path: 's3://data/two.jsonl',
        output_path: 's3://predictions/no/',
      },
      ...more,
    });
    expect(body).toMatchObject({ status: 422, errors: [{ pointer }] });
    expect(body.errors[0].message).toMatch(message);
  });
});
