import { createHash } from 'node:crypto';
import { jsonLines, type Row, toParquet, download } from './support/batches.js';
import { FeatureScene, HISTORICAL } from './support/feature-scene.js';

const DAY = 24 * 3600;
const at = (day: number, hour = 0): string =>
  new Date(Date.UTC(2026, 0, day, hour)).toISOString().replace('.000Z', 'Z');
const row = (customer_id: string, ts: string, total_orders: number | null, more: Row = {}): Row => ({
  ...{ customer_id, ts, total_orders, avg_order_value: 10, days_since_last_order: 1 },
  ...more,
});

describe('historical sets', () => {
  let scene: FeatureScene;

  beforeAll(async () => {
    scene = await FeatureScene.start();
    await scene.view(
      'customer_features',
      [
        row('cust-123', at(1), 1, { made: at(1) }),
        row('cust-123', at(5), 5, { made: at(9) }),
        row('cust-456', at(2), null, { made: at(2) }),
      ],
      { created_column: 'made', ttl_seconds: 10 * DAY },
    );
    await scene.define('services/churn', {
      features: ['customer_features:total_orders', 'customer_features:avg_order_value'],
      rename: { 'customer_features:total_orders': 'orders' },
      default_values: { orders: 0 },
    });
  });
  afterAll(() => scene?.stop());

  const customers = (...days: [string, number][]): Row[] =>
    days.map(([customer_id, day]) => ({ customer_id, event_timestamp: at(day, 12) }));
  const service = { feature_service: 'churn' };
  const reference = { feature_refs: ['customer_features:total_orders'] };

  it('have the features of a service as of the time of each row, in the order of the rows', async () => {
    const entity_rows = customers(
      ['cust-123', 10],
      ['cust-123', 3],
      ['cust-456', 3],
      ['nobody', 3],
      ['cust-123', 20],
    );
    const labelled = entity_rows.map((each, label) => ({ ...each, label }));
    const { job, result, rows } = await scene.join({
      ...service,
      entity_rows: labelled,
      name: 'churn-2026-01',
    });
    expect(result).toEqual({
      path: `s3://tenants/acme-corp/feature-sets/churn-2026-01/${job.job_id}.parquet`,
      rows: 5,
      columns: [
        { name: 'customer_id', type: expect.any(String) },
        { name: 'event_timestamp', type: expect.any(String) },
        { name: 'label', type: expect.any(String) },
        { name: 'orders', type: 'int64' },
        { name: 'avg_order_value', type: 'float64' },
      ],
      size_bytes: expect.any(Number),
      data_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      definition_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      views: [{ name: 'customer_features', version: 1, matched: 3, missing: 1, expired: 1 }],
    });
    expect(rows.map(({ label, orders, avg_order_value }) => [label, orders, avg_order_value])).toEqual([
      // What happened on the 5th came to be known on the 9th.
      [0, 5, 10],
      [1, 1, 10],
      [2, 0, 10],
      [3, 0, null],
      // Ten days after the 5th.
      [4, 0, null],
    ]);
    const file = await download(scene.acme, (result.path as string).slice('s3://'.length));
    expect(createHash('sha256').update(file).digest('hex')).toBe(result.data_sha256);
    expect(file.length).toBe(result.size_bytes);
    expect(job).toMatchObject({
      output_path: result.path,
      request: {
        feature_service: 'churn',
        features: [
          { reference: 'customer_features@v1:total_orders', name: 'orders', default: 0 },
          { reference: 'customer_features@v1:avg_order_value', name: 'avg_order_value' },
        ],
        timestamp_column: 'event_timestamp',
      },
    });
    const [listed] = await scene.service.database.query(
      `select kind, uri, key_columns, rows, sha256 from feature_files where job_id = $1`,
      [job.job_id],
    );
    expect(listed).toMatchObject({
      ...{ kind: 'training_set', uri: result.path, sha256: result.data_sha256 },
      key_columns: [{ name: 'customer_id', type: 'string' }],
    });
  });

  it('take rows that were created later only where that is asked for', async () => {
    const entity_rows = customers(['cust-123', 7]);
    expect((await scene.join({ ...reference, entity_rows })).rows).toMatchObject([{ total_orders: 1 }]);
    const ignoring = await scene.join({ ...reference, entity_rows, ignore_created: true });
    expect(ignoring.rows).toMatchObject([{ total_orders: 5 }]);
  });

  it('join files of every format, by the column of time that is named', async () => {
    const rows = customers(['cust-123', 10], ['cust-456', 3]).map(({ event_timestamp, ...each }, id) => ({
      ...{ id, ...each, seen_at: event_timestamp },
    }));
    const csv = rows.map(({ id, customer_id, seen_at }: Row) => `${id},${customer_id},${seen_at}\n`).join('');
    await scene.put('asked/rows.csv', `id,customer_id,seen_at\n${csv}`);
    await scene.put('asked.jsonl', jsonLines(rows));
    await scene.put('asked.parquet', await toParquet(rows));
    for (const entity_path of ['s3://data/asked/', 's3://data/asked.jsonl', 's3://data/asked.parquet']) {
      const joined = await scene.join({ ...reference, entity_path, timestamp_column: 'seen_at' });
      expect(joined.rows.map(({ id, total_orders }) => [Number(id), total_orders])).toEqual([
        [0, 5],
        [1, null],
      ]);
    }
  });

  it('have the same hash of their definition for the same definitions and bytes, and for no others', async () => {
    await scene.view('hashed', [row('one', at(1), 1)]);
    const request = { feature_refs: ['hashed:total_orders'], entity_rows: customers(['one', 2]) };
    const hashOf = async (more: object = {}) =>
      (await scene.join({ ...request, ...more })).result.definition_sha256;
    const first = await hashOf();
    expect(await hashOf({ name: 'another' })).toBe(first);
    const others = [
      await hashOf({ ignore_created: true }),
      await hashOf({ entity_rows: customers(['one', 3]) }),
    ];
    await scene.put('hashed/first.jsonl', [row('one', at(1), 2)]);
    others.push(await hashOf());
    expect(new Set([first, ...others]).size).toBe(4);
  });

  it('see what was pushed', async () => {
    await scene.view('pushed', [row('one', at(1), 1)]);
    const { ts: event_timestamp, ...values } = row('one', at(4), 4);
    expect((await scene.push('pushed', [{ ...values, event_timestamp }], 'offline')).status).toBe(200);
    const joined = await scene.join({
      feature_refs: ['pushed:total_orders'],
      entity_rows: customers(['one', 3], ['one', 5]),
    });
    expect(joined.rows.map(({ total_orders }) => total_orders)).toEqual([1, 4]);
  });

  it('have features on demand, of stored ones and of columns of the rows', async () => {
    await scene.define('views/spending', {
      inputs: {
        request: [{ name: 'amount', type: 'float64' }],
        features: ['customer_features:total_orders'],
      },
      features: [{ name: 'per_order', type: 'float64', expression: 'amount / total_orders' }],
    });
    const entity_rows = customers(['cust-123', 10], ['nobody', 3]).map((each) => ({ ...each, amount: 8 }));
    const joined = await scene.join({ feature_refs: ['spending:per_order'], entity_rows });
    expect(joined.rows.map(({ per_order }) => per_order)).toEqual([1.6, null]);
  });

  it('lie where they are asked for, and replace no file unless that is asked for too', async () => {
    const request = {
      ...reference,
      entity_rows: customers(['cust-123', 3]),
      output_path: 's3://data/sets/',
      name: 'mine',
    };
    const { job } = await scene.join(request);
    expect(job.output_path).toBe('s3://data/sets/mine.parquet');
    expect(await scene.acme.post(HISTORICAL, request)).toMatchObject({
      status: 409,
      body: { code: 'OUTPUT_EXISTS', errors: [{ pointer: '/output_path' }] },
    });
    const again = await scene.join({ ...request, entity_rows: customers(['cust-123', 10]), overwrite: true });
    expect(again.rows).toMatchObject([{ total_orders: 5 }]);
    expect(
      await scene.service.database.query(
        `select from feature_files where uri = 's3://data/sets/mine.parquet'`,
      ),
    ).toHaveLength(1);
  });

  it('fail where what was asked for has gone, naming it', async () => {
    const request = { ...reference, name: 'set', entity_path: 's3://data/nothing.parquet' };
    expect(await scene.run(HISTORICAL, request)).toMatchObject({
      status: 'failed',
      error: { code: 'NOT_FOUND', message: expect.stringContaining('s3://data/nothing.parquet') },
    });
    await scene.put('lacking.jsonl', [{ id: 1, event_timestamp: at(1) }]);
    expect(await scene.run(HISTORICAL, { ...request, entity_path: 's3://data/lacking.jsonl' })).toMatchObject(
      {
        status: 'failed',
        error: { code: 'COLUMN_NOT_FOUND', message: expect.stringContaining('customer_id') },
      },
    );
  });

  describe('a request', () => {
    const rows = customers(['cust-123', 3]);
    const fit = { name: 'set', ...reference, entity_rows: rows };
    it.each([
      ['no name', { name: undefined }, 400, '/name', /letters/],
      ['a name that leads elsewhere', { name: '../x' }, 400, '/name', /letters/],
      [
        'neither service nor references',
        { feature_refs: undefined },
        400,
        '/feature_refs',
        /feature_service/,
      ],
      ['a service beside references', service, 400, '/feature_refs', /not both/],
      [
        'an unknown service',
        { feature_refs: undefined, feature_service: 'chrn' },
        422,
        '/feature_service',
        /churn/,
      ],
      [
        'an unknown feature',
        { feature_refs: ['customer_features:totl_orders'] },
        422,
        '/feature_refs/0',
        /total_orders/,
      ],
      ['no reference', { feature_refs: ['total_orders'] }, 422, '/feature_refs/0', /view:feature/],
      [
        ...[
          'one feature twice',
          { feature_refs: Array(2).fill(reference.feature_refs[0]) },
          422,
          '/feature_refs/1',
        ],
        /full_feature_names/,
      ],
      ['neither rows nor path', { entity_rows: undefined }, 400, '/entity_rows', /entity_path/],
      ['a path beside rows', { entity_path: 's3://data/x.parquet' }, 400, '/entity_rows', /not both/],
      ['no row', { entity_rows: [] }, 400, '/entity_rows', /1/],
      ['too many rows', { entity_rows: Array(1001).fill(rows[0]) }, 400, '/entity_rows', /1000/],
      ['a row that is none', { entity_rows: [1] }, 400, '/entity_rows', /object/],
      [
        'a row without its key',
        { entity_rows: [{ event_timestamp: at(1) }] },
        422,
        '/entity_rows/0/customer_id',
        /key/,
      ],
      [
        ...[
          'a key of another type',
          { entity_rows: [{ ...rows[0], customer_id: 7 }] },
          422,
          '/entity_rows/0/customer_id',
        ],
        /text/,
      ],
      [
        'a row without its time',
        { entity_rows: [{ customer_id: 'x' }] },
        422,
        '/entity_rows/0/event_timestamp',
        /time/,
      ],
      [
        ...[
          'no time',
          { entity_rows: [{ ...rows[0], event_timestamp: 'noon' }] },
          422,
          '/entity_rows/0/event_timestamp',
        ],
        /ISO 8601/,
      ],
      [
        ...['a column called as a feature', { entity_rows: [{ ...rows[0], total_orders: 1 }] }, 422],
        ...['/entity_rows/0/total_orders', /called/],
      ],
      [
        'a path outside of the grants',
        { entity_rows: undefined, entity_path: 's3://other/x.csv' },
        403,
        '/entity_path',
        /outside/,
      ],
      ['an output outside of the grants', { output_path: 's3://other/' }, 403, '/output_path', /outside/],
      [
        'the platform’s own folder',
        { output_path: 's3://modelplane/acme-corp/features/' },
        403,
        '/output_path',
        /outside/,
      ],
      ['an output that is no folder', { output_path: 's3://data/sets' }, 400, '/output_path', /./],
      ['an unknown field', { rows: [] }, 400, '/rows', /./],
    ] as [string, object, number, string, RegExp][])(
      'with %s is refused by name',
      async (_, fault, status, pointer, message) => {
        const answer = await scene.acme.post(HISTORICAL, { ...fit, ...fault });
        const error = { pointer, message: expect.stringMatching(message) };
        expect(answer).toMatchObject({ status, body: { errors: expect.arrayContaining([error]) } });
      },
    );

    it('of a viewer is forbidden, and one of another tenant finds nothing', async () => {
      const viewer = await scene.service.as('acme-corp', 'viewer');
      expect((await viewer.post(HISTORICAL, fit)).status).toBe(403);
      const globex = await scene.service.as('globex', 'scientist');
      expect(await globex.post(HISTORICAL, fit)).toMatchObject({
        status: 422,
        body: { errors: [{ message: "there is no view 'customer_features'" }] },
      });
      const [{ job_id }] = (await scene.acme.get(HISTORICAL)).body.data;
      expect((await globex.get(`${HISTORICAL}/${job_id}`)).status).toBe(404);
      expect((await globex.delete(`${HISTORICAL}/${job_id}`)).status).toBe(404);
      expect((await globex.get(HISTORICAL)).body.data).toEqual([]);
    });
  });
});
