import type { Row } from './support/batches.js';
import { FeatureScene, FEATURES_PATH, hoursAgo, MATERIALIZE } from './support/feature-scene.js';
import { Service } from './support/service.js';

const row = (customer_id: string, ts: string, total_orders: number, more: Row = {}): Row => ({
  ...{ customer_id, ts, total_orders, avg_order_value: 10, days_since_last_order: 1 },
  ...more,
});

/** Views of aggregations have columns instead of features. */
const ORDERS = {
  features: undefined,
  aggregations: [{ name: 'orders_30d', function: 'count', window: '30d' }],
};

describe('materialization', () => {
  let scene: FeatureScene;

  beforeAll(async () => {
    scene = await FeatureScene.start();
  });
  afterAll(() => scene?.stop());

  describe('the example of the API document', () => {
    it('is accepted, and puts the newest values online', async () => {
      await scene.view('customer_features', [
        row('cust-123', '2026-02-01T00:00:00Z', 14),
        row('cust-123', '2026-02-10T00:00:00Z', 15, { avg_order_value: 125.5, days_since_last_order: 12 }),
        row('cust-456', '2026-02-05T00:00:00Z', 42, { avg_order_value: 89.99, days_since_last_order: 3 }),
      ]);
      await scene.view(
        'order_features',
        [row('cust-123', hoursAgo(30), 0), row('cust-123', hoursAgo(5), 0)],
        ORDERS,
      );
      const submitted = await scene.acme.post(MATERIALIZE, {
        feature_views: ['customer_features', 'order_features'],
        incremental: true,
      });
      expect(submitted).toMatchObject({ status: 202 });
      expect(submitted.body).toEqual({
        job_id: expect.stringMatching(/^mat-[0-9a-f-]{36}$/),
        status: 'submitted',
      });
      const path = `${MATERIALIZE}/${submitted.body.job_id}`;
      const { body } = await scene.acme.waitForJob(path);
      expect(body).toMatchObject({
        status: 'succeeded',
        error: null,
        feature_views: ['customer_features@v1', 'order_features@v1'],
        incremental: true,
        request: { feature_views: ['customer_features@v1', 'order_features@v1'], incremental: true },
        progress: { views_done: 2, views_total: 2 },
        result: {
          views: [
            {
              ...{ name: 'customer_features', version: 1, start: null, rows_read: 3, entities: 2 },
              ...{ written: 2, replaced: 0, kept_newer: 0, newest_event_time: '2026-02-10T00:00:00.000000Z' },
            },
            { name: 'order_features', version: 1, entities: 1, written: 1 },
          ],
        },
      });
      const asked = await scene.ask({
        feature_refs: [
          'customer_features:total_orders',
          'customer_features:avg_order_value',
          'customer_features:days_since_last_order',
        ],
        entity_rows: [{ customer_id: 'cust-123' }, { customer_id: 'cust-456' }],
      });
      expect(asked.body).toEqual({
        results: [
          { customer_id: 'cust-123', total_orders: 15, avg_order_value: 125.5, days_since_last_order: 12 },
          { customer_id: 'cust-456', total_orders: 42, avg_order_value: 89.99, days_since_last_order: 3 },
        ],
      });
      expect(await scene.online('order_features:orders_30d', 'cust-123')).toEqual([2]);

      expect((await scene.acme.get(MATERIALIZE)).body.data[0].job_id).toBe(body.job_id);
      expect((await scene.acme.get(`${path}/logs`)).status).toBe(200);
      expect((await scene.acme.get(`${path}/events`)).body).toContain('event: succeeded');
      expect(await scene.acme.delete(path)).toMatchObject({ status: 409, body: { code: 'JOB_ENDED' } });
    });
  });

  describe('an incremental run', () => {
    it('reads what is new, and rows that come late, and lets none of them replace a newer one', async () => {
      await scene.view('late', [row('early', hoursAgo(30 * 24), 1), row('both', hoursAgo(1), 1)], {
        max_lateness_seconds: 7200,
      });
      const first = await scene.materialize('late');
      expect(first).toMatchObject({ start: null, rows_read: 2, written: 2 });
      await scene.put('late/second.jsonl', [
        row('both', hoursAgo(1.5), 2),
        row('late', hoursAgo(1.5), 3),
        row('too late', hoursAgo(3), 4),
      ]);
      const second = await scene.materialize('late', { incremental: true });
      const between = Date.parse(first.end) - Date.parse(second.start);
      expect(between).toBe(7200 * 1000);
      expect(second).toMatchObject({ rows_read: 3, entities: 2, written: 1, replaced: 1, kept_newer: 0 });
      expect(await scene.online('late:total_orders', 'early', 'both', 'late', 'too late')).toEqual([
        1,
        1,
        3,
        null,
      ]);
      // Whoever reads everything finds it.
      await scene.materialize('late', { incremental: false });
      expect(await scene.online('late:total_orders', 'too late')).toEqual([4]);
    });

    it('reads rows of long ago that were created since, and takes of equal times the one created last', async () => {
      const at = hoursAgo(24 * 300);
      await scene.view('corrected', [row('one', at, 1, { made: hoursAgo(100) })], { created_column: 'made' });
      await scene.materialize('corrected');
      await scene.put('corrected/second.jsonl', [
        row('one', at, 3, { made: hoursAgo(1) }),
        row('one', at, 2, { made: hoursAgo(2) }),
      ]);
      expect(await scene.materialize('corrected')).toMatchObject({ rows_read: 2, replaced: 1 });
      expect(await scene.online('corrected:total_orders', 'one')).toEqual([3]);
    });

    it('begins again at the first row once a feature was added', async () => {
      const old = hoursAgo(24 * 300);
      await scene.view('growing', [row('one', old, 1, { plan: 'gold' })]);
      await scene.materialize('growing');
      await scene.define('views/growing', {
        entities: ['customer'],
        source: { path: 's3://data/growing/', format: 'json_lines' },
        timestamp_column: 'ts',
        features: [
          { name: 'total_orders', type: 'int64' },
          { name: 'avg_order_value', type: 'float64' },
          { name: 'days_since_last_order', type: 'int64' },
          { name: 'plan', type: 'string' },
        ],
      });
      expect(await scene.materialize('growing')).toMatchObject({ start: null, rows_read: 1, replaced: 1 });
      expect(await scene.online('growing:plan', 'one')).toEqual(['gold']);
    });
  });

  describe('an interval', () => {
    it('is read alone, its start left out, and leaves the watermark where rows before it were not read', async () => {
      await scene.view('days', [
        row('one', '2026-01-01T00:00:00Z', 1),
        row('two', '2026-01-02T00:00:00Z', 2),
        row('three', '2026-01-03T00:00:00Z', 3),
      ]);
      const interval = { start: '2026-01-01T00:00:00Z', end: '2026-01-02T00:00:00Z' };
      expect(await scene.materialize('days', interval)).toMatchObject({ rows_read: 1, written: 1 });
      expect(await scene.online('days:total_orders', 'one', 'two', 'three')).toEqual([null, 2, null]);
      expect(await scene.materialize('days')).toMatchObject({ start: null, rows_read: 3 });
      const watermark = async () => {
        const sql = `select watermark from feature_views where name = 'days'`;
        return (await scene.service.database.query<{ watermark: Date }>(sql))[0]?.watermark.toISOString();
      };
      const before = await watermark();
      await scene.materialize('days', interval);
      expect(await watermark()).toBe(before);
    });
  });

  describe('rules', () => {
    const view = (name: string, on_failure: string) =>
      scene.view(name, [row('good', hoursAgo(1), 1), row('bad', hoursAgo(1), -1)], {
        features: [{ name: 'total_orders', type: 'int64', rules: { between: [0, 100] } }],
        on_failure,
      });

    it('that block fail the job, and write nothing', async () => {
      await view('blocked', 'block');
      const job = await scene.run(MATERIALIZE, { feature_views: ['blocked'] });
      expect(job).toMatchObject({
        status: 'failed',
        error: { code: 'DATA_UNFIT', message: expect.stringMatching(/blocked.*total_orders.*between/s) },
        result: null,
      });
      expect(await scene.online('blocked:total_orders', 'good', 'bad')).toEqual([null, null]);
    });

    it('that quarantine leave rows out, and keep them where the tenant reads them', async () => {
      await view('quarantined', 'quarantine');
      const found = await scene.materialize('quarantined');
      expect(found).toMatchObject({
        quarantined: 1,
        quarantine_path: expect.stringMatching(
          /^s3:\/\/tenants\/acme-corp\/feature-quarantine\/mat-.+\/quarantined@v1\.parquet$/,
        ),
        violations: [{ feature: 'total_orders', rule: 'between', rows: 1, share: 0.5 }],
      });
      expect(await scene.read(found.quarantine_path)).toMatchObject([
        { customer_id: 'bad', total_orders: -1 },
      ]);
      expect(await scene.online('quarantined:total_orders', 'good', 'bad')).toEqual([1, null]);
    });

    it('that warn do so', async () => {
      await view('warned', 'warn');
      const job = await scene.run(MATERIALIZE, { feature_views: ['warned'] });
      expect(job).toMatchObject({
        status: 'succeeded',
        warnings: expect.arrayContaining([expect.stringMatching(/warned.*total_orders/s)]),
      });
      expect(await scene.online('warned:total_orders', 'bad')).toEqual([-1]);
    });
  });

  it('keeps what it measured, run by run', async () => {
    await scene.view('measured', [row('one', hoursAgo(3), 1), row('two', hoursAgo(2), 3)]);
    await scene.materialize('measured', { incremental: false });
    await scene.materialize('measured', { incremental: false });
    const path = `${FEATURES_PATH}/views/measured/statistics`;
    const { body: first } = await scene.acme.get(`${path}?limit=1`);
    expect(first.data).toMatchObject([
      {
        start: null,
        counts: { rows_read: 2, entities: 2, replaced: 2 },
        violations: [],
        statistics: { total_orders: { rows: 2, missing: 0, min: 1, max: 3, mean: 2 } },
      },
    ]);
    const { body: next } = await scene.acme.get(`${path}?limit=1&cursor=${first.page.next_cursor}`);
    expect(next.data[0].job_id < first.data[0].job_id).toBe(true);
    expect(next.page.next_cursor).toBeNull();
    expect((await scene.acme.get(`${FEATURES_PATH}/views/measured@v1/statistics`)).body.data).toHaveLength(2);
    for (const name of ['measured@v2', 'unmeasured', 'a b'])
      expect(await scene.acme.get(`${FEATURES_PATH}/views/${name}/statistics`)).toMatchObject({
        status: 404,
      });
  });

  describe('rows that were pushed', () => {
    it('are read as the view’s own, however often they were pushed', async () => {
      await scene.view('pushed', [row('one', hoursAgo(3), 1)], ORDERS);
      const event = { customer_id: 'one', event_timestamp: hoursAgo(2) };
      for (let times = 0; times < 2; times++)
        expect((await scene.push('pushed', [event], 'offline')).status).toBe(200);
      await scene.materialize('pushed');
      expect(await scene.online('pushed:orders_30d', 'one')).toEqual([2]);
      // By now they lie in a file.
      expect((await scene.push('pushed', [event], 'offline')).status).toBe(200);
      await scene.materialize('pushed');
      expect(await scene.online('pushed:orders_30d', 'one')).toEqual([2]);
      const files = await scene.service.database.query<Row>(
        `select uri, rows, sha256 from feature_files where view = 'pushed' order by id`,
      );
      expect(files.map(({ rows }: Row) => Number(rows))).toEqual([1, 1]);
      expect(await scene.service.database.query('select from feature_pushed_rows')).toEqual([]);
      const { body } = await scene.acme.get('/api/v1/me');
      expect(body.storage.object_bytes).toBeGreaterThan(0);
    });
  });

  it('may be scheduled', async () => {
    const schedule = { name: 'features of the day', kind: 'feature-materialization', cron: '30 2 * * *' };
    const answer = await scene.acme.post('/api/v1/schedules', {
      ...schedule,
      request: { feature_views: ['customer_features'] },
    });
    expect(answer).toMatchObject({ status: 201 });
    expect(
      await scene.acme.post('/api/v1/schedules', {
        ...schedule,
        request: { feature_views: ['customer_featurs'] },
      }),
    ).toMatchObject({ status: 422, body: { errors: [{ pointer: '/request/feature_views/0' }] } });
  });

  it('fails where a source has gone, naming it', async () => {
    await scene.view('gone', [row('one', hoursAgo(1), 1)]);
    await scene.acme.delete('/api/v1/objects/data/gone/first.jsonl');
    expect(await scene.run(MATERIALIZE, { feature_views: ['gone'] })).toMatchObject({
      status: 'failed',
      error: { code: 'NOT_FOUND', message: expect.stringContaining('s3://data/gone/') },
    });
  });

  describe('a request', () => {
    beforeAll(async () => {
      await scene.define('views/computed', {
        inputs: { request: [{ name: 'amount', type: 'float64' }] },
        features: [{ name: 'doubled', type: 'float64', expression: 'amount * 2' }],
      });
    });

    it.each([
      [
        'a view that there is not',
        { feature_views: ['customer_featurs'] },
        422,
        '/feature_views/0',
        /customer_features/,
      ],
      [
        'a version that there is not',
        { feature_views: ['customer_features@v9'] },
        422,
        '/feature_views/0',
        /version 9/,
      ],
      ['a view on demand', { feature_views: ['computed'] }, 422, '/feature_views/0', /on demand/],
      [
        'a view twice',
        { feature_views: ['customer_features', 'customer_features@v1'] },
        422,
        '/feature_views/1',
        /once more/,
      ],
      [
        'a name twice',
        { feature_views: ['customer_features', 'customer_features'] },
        400,
        '/feature_views',
        /unique/,
      ],
      ['no view', { feature_views: [] }, 400, '/feature_views', /1/],
      ['no list', { feature_views: 'customer_features' }, 400, '/feature_views', /array/],
      ['an unknown field', { views: [] }, 400, '/views', /./],
      ['no boolean', { incremental: 'yes' }, 400, '/incremental', /boolean/],
      ['a start beside incremental', { incremental: true, start: hoursAgo(1) }, 400, '/start', /place/],
      ['an end in the future', { end: hoursAgo(-1) }, 422, '/end', /future/],
      ['a start that is no time', { start: 'yesterday' }, 400, '/start', /ISO 8601/],
      ['a start after its end', { start: hoursAgo(1), end: hoursAgo(2) }, 422, '/start', /before end/],
    ])('with %s is refused by name', async (_, body, status, pointer, message) => {
      const answer = await scene.acme.post(MATERIALIZE, body);
      const error = { pointer, message: expect.stringMatching(message) };
      expect(answer).toMatchObject({ status, body: { errors: expect.arrayContaining([error]) } });
    });

    it('of a viewer is forbidden, and one of another tenant finds nothing', async () => {
      const viewer = await scene.service.as('acme-corp', 'viewer');
      expect((await viewer.post(MATERIALIZE, {})).status).toBe(403);
      const globex = await scene.service.as('globex', 'scientist');
      expect(await globex.post(MATERIALIZE, { feature_views: ['customer_features'] })).toMatchObject({
        status: 422,
        body: { errors: [{ message: "there is no view 'customer_features'" }] },
      });
      expect(await globex.post(MATERIALIZE, {})).toMatchObject({ status: 422 });
      const [{ job_id }] = (await scene.acme.get(MATERIALIZE)).body.data;
      for (const tail of ['', '/logs', '/events'])
        expect(await globex.get(`${MATERIALIZE}/${job_id}${tail}`)).toMatchObject({ status: 404 });
      expect((await globex.delete(`${MATERIALIZE}/${job_id}`)).status).toBe(404);
      expect((await globex.get(MATERIALIZE)).body.data).toEqual([]);
      expect((await globex.get(`${FEATURES_PATH}/views/customer_features/statistics`)).status).toBe(404);
    });
  });
});

describe('two materializations', () => {
  let scene: FeatureScene;

  // Nothing runs, so that jobs stay open.
  beforeAll(async () => {
    scene = await FeatureScene.on(await Service.start());
    for (const name of ['one', 'two']) await scene.view(name, [row('a', hoursAgo(1), 1)]);
  });
  afterAll(() => scene?.stop());

  it('of one view are not open at once: the second is refused with the id of the first', async () => {
    const first = await scene.acme.post(MATERIALIZE, { feature_views: ['one'] });
    expect(first.status).toBe(202);
    const { job_id } = first.body;
    for (const body of [undefined, {}, { feature_views: ['two', 'one@v1'] }, { end: hoursAgo(1) }])
      expect(await scene.acme.post(MATERIALIZE, body)).toMatchObject({
        status: 409,
        body: { code: 'JOB_STATE_CONFLICT', detail: expect.stringContaining(job_id) },
      });
    const other = await scene.acme.post(MATERIALIZE, { feature_views: ['two'] });
    expect(other.status).toBe(202);
    for (const id of [job_id, other.body.job_id])
      expect((await scene.acme.delete(`${MATERIALIZE}/${id}`)).body.status).toBe('cancelled');
  });

  it('of one view are not open at once however close their requests are', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => scene.acme.post(MATERIALIZE, {})));
    expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array(5).fill(409)]);
  });
});
