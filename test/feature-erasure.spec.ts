import { Redis } from 'ioredis';
import { v7 as uuidv7 } from 'uuid';
import { DroppedValues } from '../src/modules/features/online/dropped-values.js';
import { OnlineStore } from '../src/modules/features/online/online-store.js';
import type { Client } from './support/client.js';
import { required, Service } from './support/service.js';

const CUSTOMER = { keys: [{ name: 'customer_id', type: 'string' }] };
const SHOP = { keys: [{ name: 'shop_id', type: 'int64' }] };
const VIEW = {
  entities: ['customer'],
  source: { path: 's3://data/customers.csv' },
  timestamp_column: 'event_timestamp',
  features: [{ name: 'total_orders', type: 'int64', rules: { between: [0, 1000] } }],
  on_failure: 'quarantine',
};
const VISITS = {
  entities: ['shop', 'customer'],
  source: { path: 's3://data/visits.csv' },
  timestamp_column: 'event_timestamp',
  features: [{ name: 'visits', type: 'int64' }],
};
const ODD = 'a/b:c}\n%é🦊?*';
const NOTHING = {
  ...{ online: [], pushed_rows: [], files: [] },
  prediction_log: { requests_deleted: 0, rows_emptied: 0 },
};

describe('the erasure of one of an entity', () => {
  let service: Service;
  let acme: Client;
  let globex: Client;
  let redis: Redis;

  const api = (path: string) => `/api/v1/features/${path}`;

  async function expectPut(client: Client, path: string, body: object | string): Promise<void> {
    const { status, body: answer } = await client.put(path, body);
    expect([path, status, answer]).toEqual([path, expect.any(Number), expect.anything()]);
    expect([200, 201]).toContain(status);
  }

  async function ended(client: Client, path: string, body: object): Promise<string> {
    const { body: job } = await client.post(api(path), body);
    const end = await client.waitForJob(api(`${path}/${job.job_id}`));
    expect([end.body.status, end.body.error ?? null]).toEqual(['succeeded', null]);
    return job.job_id as string;
  }

  async function push(client: Client, view: string, rows: object[]): Promise<void> {
    const event_timestamp = '2026-02-12T10:00:00Z';
    const body = { view, rows: rows.map((row) => ({ event_timestamp, ...row })) };
    const { status, body: answer } = await client.post(api('push'), body);
    expect([status, answer]).toEqual([200, expect.objectContaining({ accepted: rows.length })]);
  }

  async function erase(key: string, query = '', entity = 'customer') {
    const path = api(`entities/${entity}/${encodeURIComponent(key)}${query}`);
    const { status, body } = await acme.delete(path);
    expect([status, body]).toEqual([202, { job_id: expect.stringMatching(/^erase-/), status: 'submitted' }]);
    return (await acme.waitForJob(api(`erasures/${body.job_id}`))).body;
  }

  /** Texts of entities that have a value of a view online. */
  async function online(tenant: string, view: string): Promise<string[]> {
    const [row] = await service.database.query<{ online_id: number }>(
      'select online_id from feature_views where tenant_id = $1 and name = $2',
      [tenant, view],
    );
    const prefix = service.app.get(OnlineStore, { strict: false }).keyPrefix(tenant, row!.online_id);
    const keys = await redis.keys(`${prefix}*`);
    return keys.map((key) => key.slice(prefix.length)).sort();
  }

  const logged = () =>
    service.database.query<{ tenant: string; features: unknown; keys: unknown; rows: number }>(
      `select tenant_id as tenant, features, entity_keys as keys, row_count as rows
       from prediction_log order by request_id`,
    );

  async function log(tenant: string, rows: number, features: string, keys: string | null): Promise<void> {
    await service.database.query(
      `insert into prediction_log (tenant_id, request_id, model_id, version, row_count, latency_ms, features, output, entity_keys)
       values ($1, $2, $2, '1.0.0', $3, 1, $4, '{"prediction": [1]}', $5)`,
      [tenant, uuidv7(), rows, features, keys],
    );
  }

  beforeAll(async () => {
    service = await Service.start({ role: 'all' });
    acme = await service.as('acme-corp');
    globex = await service.as('globex');
    redis = new Redis(required('MODELPLANE_TEST_REDIS_URL'));
    await service.database.query(`select make_prediction_log_partitions(current_date - 1, current_date + 1)`);
    const customers = `customer_id,event_timestamp,total_orders
cust-1,2026-02-12T09:00:00Z,5
cust-1,2026-02-11T09:00:00Z,5000
cust-12,2026-02-12T09:00:00Z,7
cust-12,2026-02-11T09:00:00Z,-1
`;
    const visits = `shop_id,customer_id,event_timestamp,visits
1,cust-1,2026-02-12T09:00:00Z,1
22,cust-1,2026-02-12T09:00:00Z,2
1,cust-12,2026-02-12T09:00:00Z,3
1,1:cust-1,2026-02-12T09:00:00Z,4
`;
    const csv = { 'content-type': 'text/csv' };
    await acme.put('/api/v1/objects/data/customers.csv', customers, csv);
    await acme.put('/api/v1/objects/data/visits.csv', visits, csv);
    for (const [name, body] of Object.entries({ customer: CUSTOMER, shop: SHOP }))
      await expectPut(acme, api(`entities/${name}`), body);
    await expectPut(acme, api('views/customer_features'), VIEW);
    await expectPut(acme, api('views/visits'), VISITS);
    await expectPut(globex, api('entities/customer'), CUSTOMER);
    const theirs = { ...VIEW, source: { path: 's3://tenants/globex/none.csv' } };
    await expectPut(globex, api('views/customer_features'), theirs);
  });
  afterAll(async () => {
    redis.disconnect();
    await service.stop();
  });

  it('should reach the online store, pushed rows, files and the log, and leave all others where they are', async () => {
    const rows = [
      { customer_id: 'cust-1', total_orders: 6 },
      { customer_id: 'cust-12', total_orders: 8 },
    ];
    await push(acme, 'customer_features', rows);
    await push(globex, 'customer_features', rows);
    const materialization = await ended(acme, 'materialize', {});
    const later = rows.map((row) => ({ ...row, event_timestamp: '2026-02-12T11:00:00Z' }));
    await push(acme, 'customer_features', later);
    const set = await ended(acme, 'historical', {
      name: 'churn',
      feature_refs: ['customer_features:total_orders'],
      entity_rows: ['cust-1', 'cust-12', 'cust-1', 'nobody'].map((customer_id) => ({
        customer_id,
        event_timestamp: '2026-02-12T12:00:00Z',
      })),
    });
    await push(acme, 'customer_features', [
      { customer_id: 'cust-1', total_orders: 9, event_timestamp: '2026-02-12T13:00:00Z' },
      { customer_id: 'cust-1', total_orders: 9, event_timestamp: '2026-02-12T14:00:00Z' },
      { customer_id: 'cust-12', total_orders: 9, event_timestamp: '2026-02-12T13:00:00Z' },
    ]);
    await log('acme-corp', 1, '{"x": 1}', '{"customer_id": "cust-1"}');
    await log('acme-corp', 1, '{"x": 1}', '{"customer_id": "cust-12"}');
    const list = '[{"x": 9007199254740993}, {"x": 2}, {"x": 3, "customer_id": "cust-1"}]';
    await log('acme-corp', 3, list, '[{"customer_id": "cust-12"}, {"customer_id": "cust-1"}, {}]');
    await log('acme-corp', 1, '{"x": 1, "customer_id": "cust-1"}', null);
    await log('acme-corp', 1, '{"x": 1, "customer_id": "cust-12"}', null);
    await log('globex', 1, '{"x": 1, "customer_id": "cust-1"}', '{"customer_id": "cust-1"}');
    const stored = () =>
      service.database.query(
        `select name, bytes from stored_items where tenant_id = 'globex' and kind = 'log'`,
      );
    const ofGlobex = await stored();

    const { status, result } = await erase('cust-1', '?id_column=customer_id');
    expect(status).toBe('succeeded');
    const erasedFrom = (kind: string, uri: RegExp, rows_erased: number, rows_left: number) => ({
      ...{ kind, rows_erased, rows_left, uri: expect.stringMatching(uri) },
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const at = { version: 1 };
    expect({ ...result, files: [] }).toEqual({
      online: [
        { view: 'customer_features', ...at, values: 1 },
        { view: 'visits', ...at, values: 2 },
      ],
      pushed_rows: [{ view: 'customer_features', ...at, rows: 2 }],
      files: [],
      prediction_log: { requests_deleted: 2, rows_emptied: 2 },
      erased_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      not_reached: [
        {
          what: 'source',
          path: 's3://data/customers.csv',
          why: expect.stringContaining('customer_features@v1'),
        },
        { what: 'source', path: 's3://data/visits.csv', why: expect.stringContaining('visits@v1') },
        { what: 'models', path: null, why: expect.any(String) },
        { what: 'requests', path: null, why: expect.any(String) },
        { what: 'copies', path: null, why: expect.any(String) },
      ],
    });
    expect(result.files).toHaveLength(4);
    expect(result.files).toEqual(
      expect.arrayContaining([
        erasedFrom('pushed', /^s3:\/\/modelplane\/acme-corp\/features\//, 1, 1),
        erasedFrom('pushed', /^s3:\/\/modelplane\/acme-corp\/features\//, 1, 1),
        erasedFrom('quarantine', new RegExp(materialization), 1, 1),
        erasedFrom('training_set', new RegExp(set), 2, 2),
      ]),
    );

    expect(await online('acme-corp', 'customer_features')).toEqual(['cust-12']);
    expect(await online('acme-corp', 'visits')).toEqual(['1:11:cust-1', '1:1cust-12']);
    expect(await online('globex', 'customer_features')).toEqual(['cust-1', 'cust-12']);
    const pushed = await service.database.query(
      'select tenant_id, entity_key, count(*)::int from feature_pushed_rows group by 1, 2 order by 1, 2',
    );
    expect(pushed).toEqual([
      { tenant_id: 'acme-corp', entity_key: 'cust-12', count: 1 },
      { tenant_id: 'globex', entity_key: 'cust-1', count: 1 },
      { tenant_id: 'globex', entity_key: 'cust-12', count: 1 },
    ]);
    expect(await logged()).toEqual([
      { tenant: 'acme-corp', features: { x: 1 }, keys: { customer_id: 'cust-12' }, rows: 1 },
      // The driver reads 9007199254740993 as the double next to it.
      {
        tenant: 'acme-corp',
        features: [{ x: 9007199254740992 }, {}, {}],
        keys: [{ customer_id: 'cust-12' }, {}, {}],
        rows: 3,
      },
      { tenant: 'acme-corp', features: { x: 1, customer_id: 'cust-12' }, keys: null, rows: 1 },
      {
        tenant: 'globex',
        features: { x: 1, customer_id: 'cust-1' },
        keys: { customer_id: 'cust-1' },
        rows: 1,
      },
    ]);
    const [text] = await service.database.query<{ features: string }>(
      `select features::text from prediction_log where row_count = 3`,
    );
    expect(text!.features).toContain('9007199254740993');
    expect(await stored()).toEqual(ofGlobex);

    // The files are listed as they are now, and a set that is read again has no row of it.
    const listed = await service.database.query<{ uri: string; rows: string; sha256: string }>(
      'select uri, rows, sha256 from feature_files order by uri',
    );
    for (const { uri, rows_left, sha256 } of result.files)
      expect(listed).toContainEqual({ uri, rows: String(rows_left), sha256 });
    for (const { uri } of result.files.filter(({ kind }: { kind: string }) => kind !== 'pushed')) {
      const { status: code, body } = await acme.get(`/api/v1/objects/${uri.slice('s3://'.length)}`);
      expect([uri, code, String(body).includes('cust-12')]).toEqual([uri, 200, true]);
    }

    // Nothing is left to be erased.
    const again = await erase('cust-1', '?id_column=customer_id');
    expect(again.result).toEqual({ ...result, ...NOTHING, erased_at: expect.any(String) });
    // And what was left out is not missed by what reads the files afterwards.
    await ended(acme, 'materialize', { feature_views: ['customer_features'], incremental: false });
    expect(
      (
        await acme.post(api('online'), {
          feature_refs: ['customer_features:total_orders'],
          entity_rows: [{ customer_id: 'cust-12' }],
        })
      ).body.results,
    ).toEqual([{ customer_id: 'cust-12', total_orders: 9 }]);
  });

  it('should find a key whatever it holds, and certify zeros for one that was never there', async () => {
    await push(acme, 'customer_features', [
      { customer_id: ODD, total_orders: 1 },
      { customer_id: `${ODD}x`, total_orders: 1 },
    ]);
    const { result, key } = await erase(ODD);
    expect([key, result.online, result.pushed_rows]).toEqual([
      { customer_id: ODD },
      [{ view: 'customer_features', version: 1, values: 1 }],
      [{ view: 'customer_features', version: 1, rows: 1 }],
    ]);
    expect(await online('acme-corp', 'customer_features')).toContain(`${ODD}x`);
    expect((await erase('never there')).result).toMatchObject(NOTHING);
    const { body } = await acme.get(api('erasures'));
    expect(body.data[0]).toMatchObject({
      entity: 'customer',
      key: { customer_id: 'never there' },
      id_column: null,
    });
  });

  it('should tell whole numbers and keys of several columns apart', async () => {
    await expectPut(acme, api('entities/seat'), {
      keys: [
        { name: 'hall', type: 'string' },
        { name: 'number', type: 'int64' },
      ],
    });
    await expectPut(acme, api('views/seats'), {
      ...VISITS,
      entities: ['seat'],
      source: { path: 's3://data/seats.csv' },
    });
    await push(acme, 'seats', [
      { hall: 'hello', number: 42, visits: 1 },
      { hall: 'hello', number: 421, visits: 1 },
      { hall: '', number: '9007199254740993', visits: 1 },
    ]);
    expect((await erase('5:hello42', '', 'seat')).result.online).toEqual([
      { view: 'seats', version: 1, values: 1 },
    ]);
    expect((await erase('0:9007199254740993', '', 'seat')).result.pushed_rows).toEqual([
      { view: 'seats', version: 1, rows: 1 },
    ]);
    expect(await online('acme-corp', 'seats')).toEqual(['5:hello421']);
    const BAD: [string, string][] = [
      ['seat', 'hello42'],
      ['seat', '5:hellox'],
      ['seat', '5:hello42?id_column=hall'],
      ['shop', '1.5'],
      ['shop', 'x'.repeat(600)],
    ];
    for (const [entity, key] of BAD)
      expect([key, (await acme.delete(api(`entities/${entity}/${key}`))).status]).toEqual([key, 400]);
  });

  it('should be for admins, of an entity that there is', async () => {
    const scientist = await service.as('acme-corp', 'scientist');
    expect((await scientist.delete(api('entities/customer/cust-1'))).status).toBe(403);
    expect((await acme.delete(api('entities/custommer/cust-1'))).status).toBe(404);
    expect((await acme.delete(api('entities/customer/cust-1?id_columns=x'))).status).toBe(400);
  });

  it('should not run beside what reads the same files, nor let it begin', async () => {
    const open = (id: string, kind: string, spec: object) =>
      service.database.query(
        `insert into jobs (id, tenant_id, kind, status, spec, submitted_by, engine, attempt, lease_until)
         values ($1, 'acme-corp', $2, 'running', $3, 'ana', 'local', 1, now() + interval '1 hour')`,
        [id, kind, spec],
      );
    const end = (id: string) =>
      service.database.query(`update jobs set status = 'cancelled', ended_at = now() where id = $1`, [id]);
    const job = 'mat-019c1a7c-0b3e-7c41-9d2e-000000000001';
    const views = { feature_views: ['visits@v1'], incremental: true, start: null, end: null };
    await open(job, 'feature-materialization', views);
    const refused = await acme.delete(api('entities/customer/cust-1'));
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
      409,
      'JOB_STATE_CONFLICT',
      expect.stringContaining(job),
    ]);
    await end(job);
    const erasure = 'erase-019c1a7c-0b3e-7c41-9d2e-000000000002';
    await open(erasure, 'feature-erasure', {
      entity: 'customer',
      key: { customer_id: 'x' },
      id_column: null,
    });
    const set = {
      name: 'x',
      feature_refs: ['visits:visits'],
      entity_rows: [{ shop_id: 1, customer_id: 'x', event_timestamp: '2026-02-12T12:00:00Z' }],
    };
    for (const [path, body] of [
      ['materialize', {}],
      ['historical', set],
    ] as const) {
      const { status, body: answer } = await acme.post(api(path), body);
      expect([path, status, answer.detail]).toEqual([path, 409, expect.stringContaining(erasure)]);
    }
    await end(erasure);
  });

  it('should also come over all values of a view that is deleted, once nothing writes them', async () => {
    await expectPut(acme, api('views/short_lived'), VIEW);
    await push(acme, 'short_lived', [{ customer_id: 'cust-1', total_orders: 1 }]);
    await push(acme, 'customer_features', [{ customer_id: 'cust-77', total_orders: 1 }]);
    const store = service.app.get(OnlineStore, { strict: false });
    const [{ online_id: id }] = (await service.database.query<{ online_id: number }>(
      `select online_id from feature_views where name = 'short_lived'`,
    )) as [{ online_id: number }];
    const held = () => redis.keys(`${store.keyPrefix('acme-corp', id)}*`);
    expect(await held()).toHaveLength(1);
    expect((await acme.delete(api('views/short_lived'))).status).toBe(204);
    const values = service.app.get(DroppedValues, { strict: false });
    await values.clear();
    expect(await held()).toHaveLength(1);
    await values.clear(undefined, 0);
    expect(await held()).toEqual([]);
    expect(await online('acme-corp', 'customer_features')).toContain('cust-77');
    expect(await service.database.query('select from feature_dropped_views')).toEqual([]);
  });
});
