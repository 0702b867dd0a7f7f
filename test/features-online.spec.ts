import { Freshness } from '../src/modules/features/online/freshness.js';
import { OnlineStore } from '../src/modules/features/online/online-store.js';
import { Metrics } from '../src/platform/observability/metrics.js';
import type { Answer, Client } from './support/client.js';
import { defineCustomers, type FeatureDefinitions, putFeatures } from './support/features.js';
import { required, Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

const REFERENCES = [
  'customer_features:total_orders',
  'customer_features:avg_order_value',
  'customer_features:days_since_last_order',
];
const AT = '2026-02-12T10:00:00Z';
/** Of more tenants than there are tests. */
const GRANTS = Array.from(
  { length: 100 },
  (_, at) => `tenant-${at}=s3://data/;tenant-${at}-b=s3://data/`,
).join(';');

/** A view of one entity that has a single key, `id`, with the features that are given. */
function things(view: object, features: object[] = [{ name: 'x', type: 'int64' }]): FeatureDefinitions {
  return {
    entities: { thing: { keys: [{ name: 'id', type: 'string' }] } },
    views: {
      things: {
        entities: ['thing'],
        source: { path: 's3://data/things.parquet' },
        timestamp_column: 'at',
        features,
        ...view,
      },
    },
  };
}

describe('online features', () => {
  let service: Service;
  let redis: TcpProxy;
  let count = 0;
  let tenant = '';
  let client: Client;

  beforeAll(async () => {
    redis = await TcpProxy.to(required('MODELPLANE_TEST_REDIS_URL'));
    service = await Service.start({
      env: {
        MODELPLANE_FEATURES_REDIS_URL: redis.through(),
        MODELPLANE_FEATURES_REDIS_TIMEOUT_MS: '500',
        MODELPLANE_FEATURES_MAX_VALUES: '5000',
        MODELPLANE_STORAGE_GRANTS: GRANTS,
      },
    });
  });
  afterAll(async () => {
    await service?.stop();
    await redis?.cut();
  });
  beforeEach(async () => {
    tenant = `tenant-${++count}`;
    client = await service.as(tenant);
  });

  const online = (body: object, from = client): Promise<Answer> => from.post('/api/v1/features/online', body);
  const push = (view: string, rows: object[], more: object = {}): Promise<Answer> =>
    client.post('/api/v1/features/push', { view, rows, ...more });
  const pushed = async (...of: Parameters<typeof push>): Promise<Answer['body']> => {
    const { status, body } = await push(...of);
    expect({ status, body }).toMatchObject({ status: 200 });
    return body;
  };
  const thing = async (id: string, feature = 'x'): Promise<unknown> =>
    (await online({ feature_refs: [`things:${feature}`], entity_rows: [{ id }] })).body.results[0][feature];

  describe('read', () => {
    it('should answer the example of the API', async () => {
      await defineCustomers(client);
      await pushed('customer_features', [
        {
          customer_id: 'cust-123',
          event_timestamp: AT,
          total_orders: 15,
          avg_order_value: 125.5,
          days_since_last_order: 12,
        },
        {
          customer_id: 'cust-456',
          event_timestamp: AT,
          total_orders: 42,
          avg_order_value: 89.99,
          days_since_last_order: 3,
        },
      ]);
      const { status, body } = await online({
        feature_refs: REFERENCES,
        entity_rows: [{ customer_id: 'cust-123' }, { customer_id: 'cust-456' }],
      });
      expect(status).toBe(200);
      expect(body).toStrictEqual({
        results: [
          { customer_id: 'cust-123', total_orders: 15, avg_order_value: 125.5, days_since_last_order: 12 },
          { customer_id: 'cust-456', total_orders: 42, avg_order_value: 89.99, days_since_last_order: 3 },
        ],
      });
    });

    it('should tell what is present, null, missing and expired, and since when it is known', async () => {
      await putFeatures(client, things({ ttl_seconds: 3600, expires_column: 'ends' }));
      const now = new Date().toISOString();
      const past = `${new Date(Date.now() - 2 * 3_600_000).toISOString().slice(0, -1)}456Z`;
      await pushed('things', [
        { id: 'present', event_timestamp: now, x: 1 },
        { id: 'null', event_timestamp: now, x: null },
        { id: 'past its ttl', event_timestamp: past, x: 2 },
        { id: 'past its end', event_timestamp: now, expires: now, x: 3 },
        { id: 'before its end', event_timestamp: now, expires: '2200-01-01', x: 4 },
      ]);
      const ids = ['present', 'null', 'past its ttl', 'past its end', 'before its end', 'unknown'];
      const { body } = await online({
        feature_refs: ['things:x'],
        entity_rows: ids.map((id) => ({ id })),
        include_status: true,
        include_event_times: true,
      });
      const told = ids.map((id, at) => [id, body.results[at].x, body.statuses[at].x]);
      expect(told).toEqual([
        ['present', 1, 'PRESENT'],
        ['null', null, 'NULL'],
        ['past its ttl', null, 'EXPIRED'],
        ['past its end', null, 'EXPIRED'],
        ['before its end', 4, 'PRESENT'],
        ['unknown', null, 'MISSING'],
      ]);
      expect(body.event_times[2]).toEqual({ things: past });
      expect(body.event_times[5]).toEqual({ things: null });
    });

    it('should keep the types of values', async () => {
      const values = {
        small: -9007199254740991,
        large: '9007199254740993',
        number: 1e-300,
        flag: false,
        text: '"ü🦊\n}',
        time: '1999-12-31T23:59:59.000001Z',
        larges: [1, null, '-9223372036854775808'],
        numbers: [0.1, null],
        flags: [true, null],
        texts: ['', null],
        times: ['2026-02-12T10:00:00.000000Z'],
      };
      const types = ['int64', 'int64', 'float64', 'boolean', 'string', 'timestamp'];
      types.push('int64_list', 'float64_list', 'boolean_list', 'string_list', 'timestamp_list');
      const features = Object.keys(values).map((name, at) => ({ name, type: types[at] }));
      await putFeatures(client, things({}, features));
      await pushed('things', [{ id: 'a', event_timestamp: AT, ...values }]);
      const { body } = await online({
        feature_refs: Object.keys(values).map((name) => `things:${name}`),
        entity_rows: [{ id: 'a' }],
      });
      expect(body.results).toEqual([{ id: 'a', ...values }]);
    });

    it('should read a version that is named, the current one otherwise, and views of several entities at once', async () => {
      await putFeatures(client, {
        entities: {
          customer: { keys: [{ name: 'customer_id', type: 'string' }] },
          shop: { keys: [{ name: 'shop_id', type: 'int64' }] },
        },
        views: {
          orders: view(['customer'], ['total']),
          'orders@v2': view(['customer'], ['total']),
          visits: view(['customer', 'shop'], ['total']),
        },
      });
      await pushed('orders', [{ customer_id: 'c', event_timestamp: AT, total: 1 }]);
      await pushed('orders@v2', [{ customer_id: 'c', event_timestamp: AT, total: 2 }]);
      await pushed('visits', [
        { customer_id: 'c', shop_id: '9007199254740993', event_timestamp: AT, total: 3 },
      ]);
      const asked = {
        feature_refs: ['orders:total', 'orders@v2:total', 'visits:total'],
        entity_rows: [{ customer_id: 'c', shop_id: '9007199254740993' }],
        include_event_times: true,
      };
      const { status, body } = await online({ ...asked, full_feature_names: true });
      expect(status).toBe(200);
      expect(body.results).toEqual([
        { ...asked.entity_rows[0], orders__total: 1, 'orders@v2__total': 2, visits__total: 3 },
      ]);
      expect(Object.keys(body.event_times[0])).toEqual(['orders', 'orders@v2', 'visits']);

      const clash = await online(asked);
      expect(clash.body).toMatchObject({ status: 422, code: 'VALIDATION_ERROR' });
      expect(clash.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
        '/feature_refs/1',
        '/feature_refs/2',
      ]);
      expect(clash.body.detail).toMatch(/'total' .* full_feature_names/);
    });

    it('should read a feature that was added since as missing, until it is written', async () => {
      await putFeatures(client, things({}));
      await pushed('things', [{ id: 'old', event_timestamp: AT, x: 1 }]);
      const grown = [
        { name: 'y', type: 'int64' },
        { name: 'x', type: 'int64' },
      ];
      await putFeatures(client, things({}, grown));
      await pushed('things', [{ id: 'new', event_timestamp: AT, x: 2, y: null }]);
      const { body } = await online({
        feature_refs: ['things:y', 'things:x'],
        entity_rows: [{ id: 'old' }, { id: 'new' }],
        include_status: true,
      });
      expect(body).toEqual({
        results: [
          { id: 'old', x: 1, y: null },
          { id: 'new', x: 2, y: null },
        ],
        statuses: [
          { x: 'PRESENT', y: 'MISSING' },
          { x: 'PRESENT', y: 'NULL' },
        ],
      });
    });

    it('should answer a feature service under its own names, with defaults for what is null, and tell why it was', async () => {
      await defineCustomers(client, {
        services: {
          churn: {
            features: [...REFERENCES],
            rename: { 'customer_features:total_orders': 'orders' },
            default_values: { orders: 0, avg_order_value: 1.5 },
          },
        },
      });
      await pushed('customer_features', [
        {
          customer_id: 'c',
          event_timestamp: AT,
          total_orders: 7,
          avg_order_value: null,
          days_since_last_order: null,
        },
      ]);
      const { body } = await online({
        feature_service: 'churn',
        entity_rows: [{ customer_id: 'c' }, { customer_id: 'unknown' }],
        include_status: true,
      });
      expect(body).toEqual({
        results: [
          { customer_id: 'c', orders: 7, avg_order_value: 1.5, days_since_last_order: null },
          { customer_id: 'unknown', orders: 0, avg_order_value: 1.5, days_since_last_order: null },
        ],
        statuses: [
          { orders: 'PRESENT', avg_order_value: 'NULL', days_since_last_order: 'NULL' },
          { orders: 'MISSING', avg_order_value: 'MISSING', days_since_last_order: 'MISSING' },
        ],
      });
    });

    it('should count nothing of an entity of which there are no events', async () => {
      await putFeatures(client, {
        entities: things({}).entities,
        views: {
          sums: {
            entities: ['thing'],
            source: { path: 's3://data/events.parquet' },
            timestamp_column: 'at',
            aggregations: [
              { name: 'events', function: 'count', window: '30d' },
              { name: 'kinds', function: 'count_distinct', column: 'kind', window: '30d' },
              { name: 'sum', function: 'sum', column: 'value', window: '30d' },
            ],
          },
        },
      });
      const { body } = await online({
        feature_refs: ['sums:events', 'sums:kinds', 'sums:sum'],
        entity_rows: [{ id: 'never seen' }],
        include_status: true,
      });
      expect(body).toEqual({
        results: [{ id: 'never seen', events: 0, kinds: 0, sum: null }],
        statuses: [{ events: 'MISSING', kinds: 'MISSING', sum: 'MISSING' }],
      });
    });

    it('should name every view, version, feature and service that there is not, and the near ones', async () => {
      await defineCustomers(client);
      const { status, body } = await online({
        feature_refs: [
          'customer_feature:total_orders',
          'customer_features:total_order',
          'customer_features@v7:total_orders',
          'x',
        ],
        entity_rows: [{ customer_id: 'c' }],
      });
      expect([status, body.code]).toEqual([422, 'VALIDATION_ERROR']);
      expect(body.errors).toMatchObject([
        { pointer: '/feature_refs/0', message: expect.stringMatching(/no view.*'customer_features'/) },
        { pointer: '/feature_refs/1', message: expect.stringMatching(/no feature.*'total_orders'/) },
        { pointer: '/feature_refs/2', message: expect.stringMatching(/no version 7/) },
        { pointer: '/feature_refs/3', message: expect.stringMatching(/view:feature/) },
      ]);
      const unknown = await online({ feature_service: 'churn', entity_rows: [{ customer_id: 'c' }] });
      expect(unknown.body).toMatchObject({ status: 422, errors: [{ pointer: '/feature_service' }] });
    });

    it.each([
      [[], ''],
      [{ entity_rows: [{}] }, '/feature_refs'],
      [{ feature_refs: REFERENCES, feature_service: 'churn', entity_rows: [{}] }, '/feature_refs'],
      [{ feature_refs: [], entity_rows: [{}] }, '/feature_refs'],
      [{ feature_refs: [1], entity_rows: [{}] }, '/feature_refs/0'],
      [{ feature_refs: new Array(1001).fill('a:b'), entity_rows: [{}] }, '/feature_refs'],
      [{ feature_service: 7, entity_rows: [{}] }, '/feature_service'],
      [{ feature_service: 'churn', entity_rows: [{}], full_feature_names: true }, '/full_feature_names'],
      [{ feature_refs: REFERENCES }, '/entity_rows'],
      [{ feature_refs: REFERENCES, entity_rows: [] }, '/entity_rows'],
      [{ feature_refs: REFERENCES, entity_rows: new Array(1001).fill({}) }, '/entity_rows'],
      [{ feature_refs: REFERENCES, entity_rows: [{}, null] }, '/entity_rows/1'],
      [{ feature_refs: REFERENCES, entity_rows: [{}], include_status: 1 }, '/include_status'],
      [{ feature_refs: REFERENCES, entity_rows: [{}], status: true }, '/status'],
    ])('should refuse the envelope %#', async (request, pointer) => {
      const { body } = await online(request);
      expect(body).toMatchObject({ status: 400, code: 'INVALID_REQUEST', errors: [{ pointer }] });
    });

    it.each([
      [{}, '/entity_rows/0/customer_id', /must have a value/],
      [{ customer_id: null }, '/entity_rows/0/customer_id', /must have a value/],
      [{ customer_id: 7 }, '/entity_rows/0/customer_id', /must be a text/],
      [{ customer_id: '' }, '/entity_rows/0/customer_id', /not be empty/],
      [{ customer_id: 'x'.repeat(513) }, '/entity_rows/0/customer_id', /at most 512 bytes/],
      [{ customer_id: '🦊'.repeat(129) }, '/entity_rows/0/customer_id', /at most 512 bytes, is 516/],
      [{ customer_id: 'c', plan: 'x' }, '/entity_rows/0/plan', /customer_id/],
      [{ customer_id: 'c', constructor: 'x' }, '/entity_rows/0/constructor', /customer_id/],
    ])('should refuse the key %#', async (row, pointer, message) => {
      await defineCustomers(client);
      const { body } = await online({ feature_refs: REFERENCES, entity_rows: [row] });
      expect(body).toMatchObject({ status: 422, code: 'VALIDATION_ERROR', errors: [{ pointer }] });
      expect(body.errors[0].message).toMatch(message);
    });

    it('should refuse more values than one answer may have', async () => {
      await defineCustomers(client);
      const rows = (many: number) => Array.from({ length: many }, (_, at) => ({ customer_id: `c${at}` }));
      const doubled = [...REFERENCES, ...REFERENCES.map((one) => one.replace(':', '@v1:'))];
      const ask = (many: number) =>
        online({ feature_refs: doubled, entity_rows: rows(many), full_feature_names: true });
      expect((await ask(833)).status).toBe(200);
      const { body } = await ask(834);
      expect(body).toMatchObject({ status: 400, errors: [{ pointer: '/entity_rows' }] });
      expect(body.detail).toMatch(/5000 values/);
    });

    it('should answer nobody who may not predict', async () => {
      await defineCustomers(client);
      const viewer = await service.as(tenant, 'viewer');
      const asked = { feature_refs: REFERENCES, entity_rows: [{ customer_id: 'c' }] };
      expect((await online(asked, viewer)).status).toBe(403);
      expect((await online(asked, await service.as(tenant, 'predictor'))).status).toBe(200);
    });
  });

  describe('of tenants', () => {
    it('should hold nothing of another, whatever the key of an entity is', async () => {
      // A prefix of the other's name and keys that continue it would meet where parts are only joined.
      const other = `${tenant}-b`;
      const keys = [
        'a',
        ':',
        'a:b',
        '5:hello42',
        '}',
        '{a}',
        'a\nb',
        '\0',
        '\0a',
        '\u00e9',
        'e\u0301',
        '🦊',
        '*',
        '?',
        ' ',
        '\t',
      ];
      keys.push(`b:features:1:a`, '../a', 'x'.repeat(512), '🦊'.repeat(128), '__proto__', 'constructor');
      const store = service.app.get(OnlineStore, { strict: false });
      const clients = [client, await service.as(other)] as const;
      for (const [who, of] of [tenant, other].entries()) {
        await putFeatures(clients[who]!, things({}));
        const id = await onlineIdOf(of, 'things');
        // Keys with NUL cannot be pushed, for PostgreSQL cannot hold them; those of files can.
        const values = keys.map((key, at) => ({
          key: store.keyPrefix(of, id) + key,
          value: `[${at},null,null,${at * 2 + who}]`,
          forgetAt: 0,
        }));
        expect((await store.write(values.slice(who))).isDurable).toBe(true);
      }
      for (const [who, of] of clients.entries()) {
        const { status, body } = await online(
          { feature_refs: ['things:x'], entity_rows: keys.map((id) => ({ id })) },
          of,
        );
        expect(status).toBe(200);
        // The other tenant has nothing of the first key.
        expect(body.results.map(({ x }: { x: unknown }) => x)).toEqual(
          keys.map((_, at) => (at < who ? null : at * 2 + who)),
        );
      }
    });

    it('should answer definitions of another as such that there are not', async () => {
      await defineCustomers(await service.as(`${tenant}-b`));
      const { body } = await online({ feature_refs: REFERENCES, entity_rows: [{ customer_id: 'c' }] });
      expect(body).toMatchObject({ status: 422, code: 'VALIDATION_ERROR' });
      expect(body.detail).not.toMatch(/did you mean/);
      expect((await push('customer_features', [{}])).body).toMatchObject({
        status: 422,
        errors: [{ pointer: '/view' }],
      });
    });
  });

  describe('push', () => {
    it('should never put an older row in the place of a newer one, and break ties by the created time', async () => {
      await putFeatures(client, things({ created_column: 'made' }));
      const row = (x: number, event: string, created: string | null = null) => ({
        id: 'a',
        x,
        event_timestamp: event,
        created,
      });
      const online = async (...rows: object[]) => (await pushed('things', rows)).online;
      expect(await online(row(1, AT))).toEqual({ written: 1, replaced: 0, kept_newer: 0 });
      expect(await online(row(2, '2026-02-12T09:59:59.999999Z'))).toMatchObject({ kept_newer: 1 });
      expect(await thing('a')).toBe(1);
      // A row with a created time is newer than one without, and the later of equals wins.
      expect(await online(row(3, AT, '1999-01-01'))).toMatchObject({ replaced: 1 });
      expect(await online(row(4, AT))).toMatchObject({ kept_newer: 1 });
      expect(await online(row(5, AT, '1999-01-01'))).toMatchObject({ replaced: 1 });
      expect(await thing('a')).toBe(5);
      const later = '2026-02-13T00:00:00Z';
      expect(
        await online(
          row(6, later, '2026-02-13T00:00:02Z'),
          row(7, later, '2026-02-13T00:00:01Z'),
          row(8, '2026-02-12T23:00:00Z', '2026-02-13T00:00:03Z'),
        ),
      ).toEqual({ written: 0, replaced: 1, kept_newer: 2 });
      expect(await thing('a')).toBe(6);
    });

    it('should keep a row once however often it comes, and the values that came last', async () => {
      await putFeatures(client, things({ created_column: 'made' }));
      const rows = [
        { id: 'a', event_timestamp: AT, x: 1 },
        { id: 'a', event_timestamp: AT, created: AT, x: 2 },
        { id: 'b', event_timestamp: AT, x: '9007199254740993' },
        { id: 'b', event_timestamp: '2026-02-12T11:00:00+01:00', x: 4 },
      ];
      expect((await pushed('things', rows)).offline).toEqual({ written: 3, replaced: 0, unchanged: 0 });
      expect((await pushed('things', rows)).offline).toEqual({ written: 0, replaced: 0, unchanged: 3 });
      expect((await pushed('things', [{ ...rows[0], x: 5 }])).offline).toEqual({
        written: 0,
        replaced: 1,
        unchanged: 0,
      });
      expect(await keptRows()).toEqual([
        {
          entity_key: 'a',
          event_us: '1770890400000000',
          created_us: String(-(2n ** 63n)),
          values: { id: 'a', x: 5 },
        },
        {
          entity_key: 'a',
          event_us: '1770890400000000',
          created_us: '1770890400000000',
          values: { id: 'a', x: 2 },
        },
        {
          entity_key: 'b',
          event_us: '1770890400000000',
          created_us: String(-(2n ** 63n)),
          values: { id: 'b', x: 4 },
        },
      ]);
      expect([await thing('a'), await thing('b')]).toEqual([2, 4]);
    });

    it('should write only where it is told to', async () => {
      await putFeatures(client, things({}));
      expect(await pushed('things', [{ id: 'a', event_timestamp: AT, x: 1 }], { to: 'online' })).toEqual({
        view: 'things',
        version: 1,
        accepted: 1,
        online: { written: 1, replaced: 0, kept_newer: 0 },
      });
      expect(await keptRows()).toEqual([]);
      expect(await pushed('things', [{ id: 'b', event_timestamp: AT, x: 1 }], { to: 'offline' })).toEqual({
        view: 'things',
        version: 1,
        accepted: 1,
        offline: { written: 1, replaced: 0, unchanged: 0 },
      });
      expect([await thing('a'), await thing('b')]).toEqual([1, null]);
    });

    const RULED = [
      { name: 'x', type: 'int64', rules: { not_null: true, between: [0, '9007199254740993'] } },
      { name: 'plan', type: 'string', rules: { in: ['free', 'paid'] } },
    ];
    const FIT = { event_timestamp: AT, x: '9007199254740993', plan: null };
    const BROKEN = [
      { id: 'ok', ...FIT },
      { id: 'null', ...FIT, x: null },
      { id: 'less', ...FIT, x: -1, plan: 'gold' },
      { id: 'more', ...FIT, x: '9007199254740994' },
    ];
    const FOUND = [
      [1, 'x', 'not_null'],
      [2, 'x', 'between'],
      [2, 'plan', 'in'],
      [3, 'x', 'between'],
    ];
    const inShort = (broken: { row: number; feature: string; rule: string }[]) =>
      broken.map(({ row, feature, rule }) => [row, feature, rule]);

    it('should refuse all rows where one breaks a rule that blocks', async () => {
      await putFeatures(client, things({ on_failure: 'block' }, RULED));
      const { body } = await push('things', BROKEN);
      expect(body).toMatchObject({ status: 422, code: 'VALIDATION_ERROR' });
      expect(body.errors).toEqual(
        FOUND.map(([row, feature, rule]) => ({
          pointer: `/rows/${row}/${feature}`,
          message: expect.stringContaining(`rule ${rule}: `),
        })),
      );
      expect([await keptRows(), await thing('ok')]).toEqual([[], null]);
    });

    it('should leave out rows that break a rule of a view that quarantines, and tell of them', async () => {
      await putFeatures(client, things({ on_failure: 'quarantine' }, RULED));
      const { accepted, quarantined } = await pushed('things', BROKEN);
      expect([accepted, inShort(quarantined)]).toEqual([1, FOUND]);
      expect((await keptRows()).map(({ entity_key: key }) => key)).toEqual(['ok']);
      expect([await thing('ok'), await thing('less')]).toEqual(['9007199254740993', null]);
      expect(await pushed('things', BROKEN.slice(1))).toMatchObject({ accepted: 0 });
    });

    it('should take rows that break a rule of a view that warns, and tell of them', async () => {
      await putFeatures(client, things({ on_failure: 'warn' }, RULED));
      const { accepted, warnings } = await pushed('things', BROKEN);
      expect([accepted, inShort(warnings)]).toEqual([4, FOUND]);
      expect(await thing('less')).toBe(-1);
    });

    it.each([
      [{ id: 'a', event_timestamp: AT }, '/rows/0/x', /send null/],
      [{ id: 'a', event_timestamp: AT, x: 1.5 }, '/rows/0/x', /whole number/],
      [{ id: 'a', event_timestamp: AT, x: 1, y: 1 }, '/rows/0/y', /no column/],
      [{ id: 'a', event_timestamp: AT, x: 1, expires: AT }, '/rows/0/expires', /no column/],
      [{ id: 'a', x: 1 }, '/rows/0/event_timestamp', /must be there/],
      [{ id: 'a', event_timestamp: 0, x: 1 }, '/rows/0/event_timestamp', /date or time/],
      [{ id: 'a', event_timestamp: '1600-01-01', x: 1 }, '/rows/0/event_timestamp', /1685/],
      [{ id: 'a', event_timestamp: '2250-01-01', x: 1 }, '/rows/0/event_timestamp', /ahead/],
      [{ id: 'a', event_timestamp: AT, created: 'x', x: 1 }, '/rows/0/created', /date or time/],
      [{ id: 'a', event_timestamp: AT, created: '2250-01-01', x: 1 }, '/rows/0/created', /ahead/],
      [{ event_timestamp: AT, x: 1 }, '/rows/0/id', /must have a value/],
      [{ id: 'a\0', event_timestamp: AT, x: 1 }, '/rows/0', /NUL/],
    ])('should refuse the row %#', async (row, pointer, message) => {
      await putFeatures(client, things({}));
      const { body } = await push('things', [row]);
      expect(body).toMatchObject({ status: 422, errors: [{ pointer }] });
      expect(body.errors[0].message).toMatch(message);
    });

    it.each([
      [{}, '/view'],
      [{ view: 'things', rows: [] }, '/rows'],
      [{ view: 'things', rows: {} }, '/rows'],
      [{ view: 'things', rows: [1] }, '/rows/0'],
      [{ view: 'things', rows: new Array(1001).fill({}) }, '/rows'],
      [{ view: 'things', rows: [{}], to: 'nowhere' }, '/to'],
      [{ view: 'things', rows: [{}], row: {} }, '/row'],
    ])('should refuse the envelope %#', async (request, pointer) => {
      const { body } = await client.post('/api/v1/features/push', request);
      expect(body).toMatchObject({ status: 400, code: 'INVALID_REQUEST' });
      expect(body.errors.map((one: { pointer: string }) => one.pointer)).toContain(pointer);
    });

    it('should take rows of the source of a view that sums up events, for its next materialization', async () => {
      await putFeatures(client, {
        entities: things({}).entities,
        views: {
          sums: {
            entities: ['thing'],
            source: { path: 's3://data/events.parquet' },
            timestamp_column: 'at',
            aggregations: [
              { name: 'sum', function: 'sum', column: 'value', window: '30d' },
              { name: 'last', function: 'last_n', column: 'kind', n: 3, window: '30d', type: 'string_list' },
            ],
          },
        },
      });
      const row = { id: 'a', event_timestamp: AT, value: 1.5, kind: 'x' };
      expect((await push('sums', [row])).body).toMatchObject({ status: 422, errors: [{ pointer: '/to' }] });
      expect(await pushed('sums', [row], { to: 'offline' })).toMatchObject({ accepted: 1 });
      expect((await keptRows())[0]!.values).toEqual({ id: 'a', value: 1.5, kind: 'x' });
      const wrong = await push('sums', [{ ...row, value: 'x', kind: 1 }], { to: 'offline' });
      expect(wrong.body.errors.map((one: { pointer: string }) => one.pointer)).toEqual([
        '/rows/0/value',
        '/rows/0/kind',
      ]);
    });

    it('should be for those who may change data', async () => {
      await putFeatures(client, things({}));
      const body = { view: 'things', rows: [{ id: 'a', event_timestamp: AT, x: 1 }] };
      const as = async (role: 'predictor' | 'scientist') =>
        (await (await service.as(tenant, role)).post('/api/v1/features/push', body)).status;
      expect([await as('predictor'), await as('scientist')]).toEqual([403, 200]);
    });
  });

  describe('while Redis is away', () => {
    it.each<[string, () => Promise<void> | void, () => Promise<void> | void]>([
      ['is gone', () => redis.cut(), () => redis.restore()],
      ['hangs', () => redis.hang(), () => redis.resume()],
    ])(
      'should answer 503 while it %s, tell what is kept, and go on when it is back',
      async (_, goAway, comeBack) => {
        await putFeatures(client, things({}));
        const row = { id: 'a', event_timestamp: AT, x: 1 };
        await goAway();
        try {
          const read = await online({ feature_refs: ['things:x'], entity_rows: [{ id: 'a' }] });
          expect([read.status, read.body.code, read.headers.get('retry-after')]).toEqual([
            503,
            'FEATURES_UNAVAILABLE',
            '1',
          ]);
          const written = await push('things', [row]);
          expect(written.body).toMatchObject({ status: 503, code: 'FEATURES_UNAVAILABLE' });
          expect(written.body.detail).toMatch(/All 1 rows are in the offline store.*took 0 of 1/);
          expect(await keptRows()).toHaveLength(1);
          expect((await push('things', [row], { to: 'offline' })).status).toBe(200);
        } finally {
          await comeBack();
        }
        let again = await push('things', [row]);
        while (again.status === 503) again = await push('things', [row]);
        expect(again.body).toMatchObject({ offline: { unchanged: 1 } });
        expect(await thing('a')).toBe(1);
      },
    );
  });

  describe('freshness', () => {
    const check = () => service.app.get(Freshness, { strict: false }).check();
    const told = async () =>
      (await client.get('/api/v1/events?type=feature.*')).body.data.map(
        ({ type, data }: { type: string; data: object }) => ({ type, data }),
      );
    const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

    it('should tell once that a view is too old, and again only after it was fresh', async () => {
      await putFeatures(client, things({ freshness_alarm_seconds: 7000 }));
      await pushed('things', [{ id: 'a', event_timestamp: hoursAgo(1), x: 1 }]);
      await check();
      expect(await told()).toEqual([]);

      const age = (hours: number) =>
        service.database.query(
          `update feature_views set newest_event_time = now() - make_interval(hours => $2) where tenant_id = $1`,
          [tenant, hours],
        );
      const stale = {
        type: 'feature.stale',
        data: { view: 'things', version: 1, age_seconds: expect.any(Number) },
      };
      await age(3);
      await Promise.all([check(), check()]);
      await check();
      expect(await told()).toEqual([stale]);
      expect((await told())[0].data.age_seconds).toBeGreaterThanOrEqual(10_800);
      const { body } = await client.get('/api/v1/features/views/things');
      expect(body.online.freshness_seconds).toBeGreaterThanOrEqual(10_800);

      await pushed('things', [{ id: 'b', event_timestamp: hoursAgo(0), x: 1 }]);
      await check();
      await age(2);
      await check();
      expect(await told()).toEqual([stale, stale]);
    });

    it('should count from its definition for a view that has no values yet', async () => {
      await putFeatures(client, things({ freshness_alarm_seconds: 7000 }));
      await check();
      expect(await told()).toEqual([]);
      await service.database.query(
        `update feature_views set created_at = now() - interval '2 hours' where tenant_id = $1`,
        [tenant],
      );
      await check();
      expect(await told()).toHaveLength(1);
    });

    it('should not go back by a late row, and be a metric of the view of which it is worst', async () => {
      await putFeatures(client, things({}));
      await pushed('things', [{ id: 'a', event_timestamp: '2020-01-01T00:00:00.123456Z', x: 1 }]);
      await pushed('things', [{ id: 'b', event_timestamp: '2019-01-01', x: 1 }]);
      const { body } = await client.get('/api/v1/features/views/things');
      expect(body.online.newest_event_time).toBe('2020-01-01T00:00:00.123Z');
      const metrics = await service.app.get(Metrics, { strict: false }).text();
      const [, seconds] = /^modelplane_feature_freshness_seconds (\S+)$/m.exec(metrics)!;
      expect(Number(seconds)).toBeGreaterThanOrEqual(body.online.freshness_seconds);
    });
  });

  const view = (entities: string[], features: string[]) => ({
    entities,
    source: { path: 's3://data/orders.parquet' },
    timestamp_column: 'at',
    features: features.map((name) => ({ name, type: 'int64' })),
  });

  async function onlineIdOf(of: string, name: string): Promise<number> {
    const [row] = await service.database.query<{ id: number }>(
      'select online_id as id from feature_views where tenant_id = $1 and name = $2',
      [of, name],
    );
    return row!.id;
  }

  const keptRows = () =>
    service.database.query<{ entity_key: string; values: object }>(
      `select entity_key, event_us, created_us, "values" from feature_pushed_rows where tenant_id = $1
       order by entity_key, event_us, created_us`,
      [tenant],
    );
});
