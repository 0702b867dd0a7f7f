import type { Answer, Client } from './support/client.js';
import { Service } from './support/service.js';
import { fillVersion } from './support/versions.js';

const CUSTOMER = { keys: [{ name: 'customer_id', type: 'string' }] };
const FEATURES = [
  { name: 'total_orders', type: 'int64', rules: { not_null: true, between: [0, null] } },
  { name: 'avg_order_value', type: 'float64', column: 'aov' },
];
const VIEW = {
  entities: ['customer'],
  source: { path: 's3://data/customers/*.parquet' },
  timestamp_column: 'event_timestamp',
  ttl_seconds: 86_400,
  features: FEATURES,
};
const EVENTS = {
  entities: ['customer'],
  source: { path: 's3://data/orders/', format: 'csv', columns: { status: 'string', amount: 'float64' } },
  timestamp_column: 'at',
  aggregations: [
    { name: 'paid_30d', function: 'sum', column: 'amount', window: '30d', where: "status = 'paid'" },
    { name: 'orders_12h', function: 'count', window: '12h' },
    { name: 'last_amounts', function: 'last_n', column: 'amount', n: 3, window: '90s', type: 'float64_list' },
  ],
};
const ON_DEMAND = {
  inputs: {
    request: [{ name: 'basket', type: 'float64' }],
    features: ['customer_features:total_orders', 'customer_features:avg_order_value'],
  },
  features: [{ name: 'basket_ratio', type: 'float64', expression: 'basket / nullif(avg_order_value, 0)' }],
};
const SERVICE = {
  features: ['customer_features:total_orders', 'order_windows:paid_30d'],
  rename: { 'customer_features:total_orders': 'orders' },
  default_values: { orders: 0 },
};

describe('definitions of features', () => {
  let service: Service;
  let acme: Client;
  let globex: Client;

  beforeAll(async () => {
    service = await Service.start();
    acme = await service.as('acme-corp', 'scientist');
    globex = await service.as('globex', 'scientist');
  });
  afterAll(() => service.stop());

  async function clear(): Promise<void> {
    for (const table of ['entities', 'views', 'services'])
      await service.database.query(`delete from feature_${table}`);
    await service.database.query('delete from models');
  }

  const path = (of: string) => `/api/v1/features/${of}`;
  const put = (of: string, body: object, client = acme): Promise<Answer> => client.put(path(of), body);
  const get = (of: string, client = acme): Promise<Answer> => client.get(path(of));

  async function define(...which: ('view' | 'events' | 'on_demand' | 'service')[]): Promise<void> {
    const bodies = {
      view: ['views/customer_features', VIEW],
      events: ['views/order_windows', EVENTS],
      on_demand: ['views/basket', ON_DEMAND],
      service: ['services/churn', SERVICE],
    } as const;
    const all = [['entities/customer', CUSTOMER] as const, ...which.map((each) => bodies[each])];
    for (const [of, body] of all) {
      const { status, body: answer } = await put(of, body);
      expect([of, status, answer]).toEqual([of, 201, expect.anything()]);
    }
  }

  const materialized = (name: string, version: number) =>
    service.database.query(
      'update feature_views set materialized_at = now() where name = $1 and version = $2',
      [name, version],
    );

  /** A version of a model that was trained on features of a service. */
  async function trained(
    features: { reference: string; name: string }[],
    stage: 'staging' | 'production' = 'staging',
  ): Promise<void> {
    const model = { name: 'customer_churn', model_type: 'classification', framework: 'sklearn' };
    const { model_id } = (await acme.post('/api/v1/models', model)).body;
    await fillVersion(service.database, model_id, '1.0.0', stage);
    await service.database.query(`update model_versions set data = $2 where model_id = $1`, [
      model_id,
      { feature_service: { name: 'churn', features } },
    ]);
  }

  describe('PUT and GET', () => {
    beforeEach(clear);

    it('should keep an entity, a view, windows, expressions and a service, and show them in the words of the PUT', async () => {
      await define('view', 'events', 'on_demand', 'service');
      const kept = {
        created_by: 'scientist@acme-corp.example',
        created_at: expect.any(String),
        updated_at: expect.any(String),
      };
      const none = { description: null, tags: {}, owner: null };
      expect((await get('entities/customer')).body).toEqual({
        name: 'customer',
        ...CUSTOMER,
        ...none,
        ...kept,
      });
      expect((await get('views/customer_features')).body).toEqual({
        ...VIEW,
        ...{ name: 'customer_features', version: 1, is_current: true, kind: 'stored' },
        source: { ...VIEW.source, format: 'parquet', columns: {} },
        features: [
          {
            name: 'total_orders',
            type: 'int64',
            column: 'total_orders',
            description: null,
            rules: FEATURES[0]!.rules,
          },
          { name: 'avg_order_value', type: 'float64', column: 'aov', description: null, rules: {} },
        ],
        ...{ created_column: null, expires_column: null, on_failure: 'block' },
        ...{ max_lateness_seconds: 86_400, freshness_alarm_seconds: null },
        online: {
          ...{ watermark: null, newest_event_time: null, freshness_seconds: null },
          ...{ materialized_at: null, entities: null, bytes_per_entity: null },
        },
        ...none,
        ...kept,
      });
      const events = (await get('views/order_windows@v1')).body;
      expect(events.aggregations).toEqual([
        expect.objectContaining({ ...EVENTS.aggregations[0], type: 'float64', n: null, rules: {} }),
        expect.objectContaining({ ...EVENTS.aggregations[1], type: 'int64', column: null, where: null }),
        expect.objectContaining(EVENTS.aggregations[2]),
      ]);
      expect((await get('views/basket')).body).toMatchObject({
        kind: 'on_demand',
        online: null,
        ...ON_DEMAND,
      });
      expect((await get('services/churn')).body).toEqual({
        name: 'churn',
        ...SERVICE,
        ...none,
        takes: [
          { name: 'orders', reference: 'customer_features:total_orders', version: 1, type: 'int64' },
          { name: 'paid_30d', reference: 'order_windows:paid_30d', version: 1, type: 'float64' },
        ],
        ...kept,
      });
    });

    it('should answer 200 to the same again and change nothing', async () => {
      await define('view', 'events', 'on_demand', 'service');
      const before = await service.database.query('select * from changes');
      for (const [of, body] of [
        ['entities/customer', CUSTOMER],
        ['views/customer_features', VIEW],
        ['views/order_windows@v1', EVENTS],
        ['views/basket', ON_DEMAND],
        ['services/churn', SERVICE],
      ] as const) {
        const shown = (await get(of)).body;
        const again = await put(of, body);
        expect([again.status, again.body.updated_at]).toEqual([200, shown.updated_at]);
      }
      expect(await service.database.query('select * from changes')).toEqual(before);
    });

    it('should take what GET shows as the body of a PUT, but for what the service adds', async () => {
      await define('view', 'events', 'on_demand', 'service');
      for (const of of [
        'entities/customer',
        'views/customer_features',
        'views/order_windows',
        'views/basket',
        'services/churn',
      ]) {
        const shown = (await get(of)).body;
        for (const added of [
          'name',
          'version',
          'is_current',
          'kind',
          'online',
          'takes',
          'created_by',
          'created_at',
          'updated_at',
        ])
          delete shown[added];
        expect([of, (await put(of, shown)).status]).toEqual([of, 200]);
      }
    });

    it('should list by name in pages', async () => {
      await define();
      for (const name of ['b', 'c', 'a']) await put(`entities/${name}`, CUSTOMER);
      const first = (await get('entities?limit=3')).body;
      expect(first.data.map(({ name }: { name: string }) => name)).toEqual(['a', 'b', 'c']);
      const next = (await get(`entities?limit=3&cursor=${first.page.next_cursor}`)).body;
      expect([next.data.map(({ name }: { name: string }) => name), next.page]).toEqual([
        ['customer'],
        { count: 1, next_cursor: null },
      ]);
      await put('views/customer_features', VIEW);
      await put('views/customer_features@v2', { ...VIEW, timestamp_column: 'at' });
      expect((await get('views')).body.data).toMatchObject([
        { name: 'customer_features', version: 1, is_current: true },
      ]);
      expect((await get('services')).body).toEqual({ data: [], page: { count: 0, next_cursor: null } });
    });

    it('should make one definition of two that are put at once', async () => {
      await define();
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, at) =>
          put('views/customer_features', { ...VIEW, owner: `owner ${at % 2}` }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 201]);
      expect(await service.database.query('select name, version, online_id from feature_views')).toHaveLength(
        1,
      );
      expect(answers.map(({ body }) => body.version)).toEqual(Array(6).fill(1));
    });

    it('should make one next version of several that are put at once', async () => {
      await define('view');
      const next = (at: number) => ({ ...VIEW, timestamp_column: `at_${at}` });
      const answers = await Promise.all(
        Array.from({ length: 4 }, (_, at) => put('views/customer_features@v2', next(at))),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    });

    it('should be for scientists', async () => {
      const viewer = await service.as('acme-corp', 'viewer');
      expect((await put('entities/customer', CUSTOMER, viewer)).status).toBe(403);
      expect((await get('entities', viewer)).status).toBe(200);
    });
  });

  describe('of another tenant', () => {
    beforeEach(clear);

    it('should not be seen, changed, deleted or read', async () => {
      await define('view', 'events', 'service');
      for (const of of [
        'entities/customer',
        'views/customer_features',
        'views/customer_features/lineage',
        'views/customer_features/versions',
        'services/churn',
        'services/churn/lineage',
      ]) {
        const none = of.replace('customer', 'nobody').replace('churn', 'nothing');
        const [theirs, missing] = [await get(of, globex), await get(none, globex)];
        expect([of, theirs.status]).toEqual([of, 404]);
        expect(theirs.body.detail.replace(/customer|churn/, '')).toBe(
          missing.body.detail.replace(/nobody|nothing/, ''),
        );
      }
      for (const kind of ['entities', 'views', 'services'])
        expect((await get(kind, globex)).body.data).toEqual([]);
      const service = await put('services/churn', { features: ['customer_features:total_orders'] }, globex);
      expect([service.status, service.body.detail]).toEqual([
        422,
        expect.stringContaining("there is no view 'customer_features'"),
      ]);
      expect(
        (
          await put(
            'views/customer_features',
            { ...VIEW, source: { path: 's3://tenants/globex/a.csv' } },
            globex,
          )
        ).status,
      ).toBe(422);
      expect((await globex.delete(path('services/churn'))).status).toBe(404);
      expect((await globex.put(path('views/customer_features@v1/promote'))).status).toBe(404);
      const plan = await globex.post(path('plan'), { entities: { customer: CUSTOMER } });
      expect(plan.body.entities).toEqual([{ name: 'customer', action: 'create' }]);
      expect((await get('services/churn')).status).toBe(200);
    });

    it('should have numbers in the online store of its own', async () => {
      await define('view');
      await put('entities/customer', CUSTOMER, globex);
      await put('views/mine', { ...VIEW, source: { path: 's3://tenants/globex/a.csv' } }, globex);
      expect(
        await service.database.query('select tenant_id, online_id from feature_views order by 1'),
      ).toEqual([
        { tenant_id: 'acme-corp', online_id: expect.any(Number) },
        { tenant_id: 'globex', online_id: 1 },
      ]);
    });
  });

  describe('bad input', () => {
    beforeAll(async () => {
      await clear();
      await define('view', 'events', 'on_demand');
    });

    const ENTITIES: [string, object, number, object[]][] = [
      ['customer', { keys: [] }, 400, [{ pointer: '/keys', message: expect.stringContaining('at least 1') }]],
      [
        'customer',
        { keys: [{ name: 'id', type: 'float64' }] },
        400,
        [{ pointer: '/keys/0/type', message: expect.stringContaining('string, int64') }],
      ],
      [
        'customer',
        {
          keys: [
            { name: 'id', type: 'string' },
            { name: 'id', type: 'int64' },
          ],
        },
        422,
        [{ pointer: '/keys/1/name', message: "'id' is the name of /keys/0, too" }],
      ],
      [
        'customer',
        {
          keys: [
            { name: '__proto__', type: 'string' },
            { name: '1st', type: 'string' },
          ],
        },
        422,
        [
          { pointer: '/keys/0/name', message: expect.any(String) },
          { pointer: '/keys/1/name', message: expect.any(String) },
        ],
      ],
      [
        'customer',
        { ...CUSTOMER, colour: 'red' },
        400,
        [{ pointer: '/colour', message: 'is not a known field' }],
      ],
      ['Customer', CUSTOMER, 400, [{ pointer: 'name', message: expect.stringContaining('lower-case') }]],
      [`c${'x'.repeat(63)}`, CUSTOMER, 400, [{ pointer: 'name', message: expect.any(String) }]],
      ['kunde%C3%A9', CUSTOMER, 400, [{ pointer: 'name', message: expect.any(String) }]],
      [
        'customer',
        { ...CUSTOMER, tags: { 'a:b': 'c' } },
        400,
        [{ pointer: '/tags', message: expect.any(String) }],
      ],
      ['customer', { ...CUSTOMER, description: 'a\0b' }, 400, []],
    ];
    it.each(ENTITIES)('should refuse an entity %s %j', async (name, body, status, errors) => {
      const answer = await put(`entities/${name}`, body);
      expect([answer.status, answer.body.errors ?? []]).toEqual([status, errors]);
    });

    const fault = (pointer: string, message: string | RegExp) => ({
      pointer,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
    const feature = (more: object) => ({ ...VIEW, features: [{ name: 'f', type: 'int64', ...more }] });
    const window = (more: object) => ({
      ...EVENTS,
      aggregations: [{ name: 'f', function: 'sum', column: 'amount', window: '1d', ...more }],
    });
    const VIEWS: [object, object[]][] = [
      [
        {},
        [
          fault('/entities', /missing/),
          fault('/source', /missing/),
          fault('/timestamp_column', /missing/),
          fault('', /features or aggregations/),
        ],
      ],
      [
        { ...VIEW, aggregations: EVENTS.aggregations },
        expect.arrayContaining([fault('', /not have both/)]) as never,
      ],
      [
        { ...VIEW, entities: ['custommer'] },
        [fault('/entities/0', "there is no entity 'custommer'; did you mean 'customer'?")],
      ],
      [{ ...VIEW, entities: ['customer', 'customer'] }, [fault('/entities/1', /same as item 0/)]],
      [feature({ name: 'customer_id' }), [fault('/features/0/name', /key column/)]],
      [
        { ...VIEW, features: [FEATURES[0], FEATURES[0]] },
        [fault('/features/1/name', /name of \/features\/0, too/)],
      ],
      [
        { ...VIEW, source: { path: 's3://data/customers/' } },
        [fault('/source/format', /does not tell its format/)],
      ],
      [feature({ rules: { between: [null, null] } }), [fault('/features/0/rules/between', /one bound/)]],
      [feature({ rules: { between: [2, 1] } }), [fault('/features/0/rules/between', /least value/)]],
      [
        feature({ rules: { between: [1.5, 'x'] } }),
        [
          fault('/features/0/rules/between/0', /whole number/),
          fault('/features/0/rules/between/1', /whole number/),
        ],
      ],
      [
        feature({ rules: { between: [0, 2 ** 53] } }),
        [fault('/features/0/rules/between/1', /sent as a text/)],
      ],
      [
        feature({ type: 'string', rules: { between: ['a', 'b'] } }),
        [fault('/features/0/rules/between', /int64, float64, timestamp; the feature is string/)],
      ],
      [
        feature({ type: 'int64_list', rules: { in: [1] } }),
        [fault('/features/0/rules/in', /the feature is int64_list/)],
      ],
      [
        feature({ rules: { in: [1, 1, null, 'x'] } }),
        [
          fault('/features/0/rules/in/3', /whole number/),
          fault('/features/0/rules/in/1', /same as item 0/),
          fault('/features/0/rules/in/2', /null/),
        ],
      ],
      [feature({ expression: '1' }), [fault('/features/0/expression', /on demand/)]],
      [window({ window: '0d' }), [fault('/aggregations/0/window', /1s to 3650d/)]],
      [window({ window: '3651d' }), [fault('/aggregations/0/window', /1s to 3650d/)]],
      [window({ window: '1.5h' }), [fault('/aggregations/0/window', /1s to 3650d/)]],
      [window({ window: '9999999999d' }), [fault('/aggregations/0/window', /1s to 3650d/)]],
      [window({ column: null }), [fault('/aggregations/0/column', /which sum needs/)]],
      [
        window({ function: 'last_n' }),
        [fault('/aggregations/0/n', /missing/), fault('/aggregations/0/type', /missing/)],
      ],
      [
        window({ function: 'last_n', n: 2, type: 'float64' }),
        [fault('/aggregations/0/type', /must be a list/)],
      ],
      [window({ function: 'max', type: 'float64_list' }), [fault('/aggregations/0/type', /no list/)]],
      [window({ type: 'int64' }), [fault('/aggregations/0/type', /must be float64/)]],
      [window({ n: 5 }), [fault('/aggregations/0/n', /is for last_n/)]],
      [window({ where: 'amount + 1' }), [fault('/aggregations/0/where', /float64.*boolean/)]],
      [window({ where: "statuss = 'paid'" }), [fault('/aggregations/0/where', /status/)]],
      [window({ where: 'status = ' }), [fault('/aggregations/0/where', /at character/)]],
      [window({ where: 'pg_sleep(1) is null' }), [fault('/aggregations/0/where', /pg_sleep/)]],
      [{ ...EVENTS, expires_column: 'until' }, [fault('/expires_column', /windows/)]],
      [
        { ...EVENTS, source: { ...EVENTS.source, columns: { status: 'text' } } },
        expect.arrayContaining([fault('/source/columns/status', /must be one of/)]) as never,
      ],
      [{ ...ON_DEMAND, source: VIEW.source }, [fault('/source', /has inputs/)]],
      [
        { inputs: {}, features: [{ name: 'f', type: 'int64' }] },
        [fault('/features/0/expression', /missing/)],
      ],
      [
        { ...ON_DEMAND, inputs: { ...ON_DEMAND.inputs, features: ['customer_features:total_order'] } },
        expect.arrayContaining([fault('/inputs/features/0', /did you mean 'total_orders'/)]) as never,
      ],
      [
        { ...ON_DEMAND, inputs: { features: ['basket:basket_ratio'] } },
        expect.arrayContaining([fault('/inputs/features/0', /one on demand itself/)]) as never,
      ],
      [
        {
          inputs: {
            request: [{ name: 'total_orders', type: 'int64' }],
            features: ['customer_features:total_orders'],
          },
          features: [{ name: 'f', type: 'int64', expression: '1' }],
        },
        [fault('/inputs/features/0', /another input/)],
      ],
      [
        { inputs: {}, features: [{ name: 'f', type: 'float64', expression: '1 + 1' }] },
        [fault('/features/0/expression', /int64.*float64.*double precision/)],
      ],
    ];
    it.each(VIEWS)('should refuse a view %j', async (body, errors) => {
      const answer = await put('views/bad', body);
      expect([answer.status, answer.body.errors]).toEqual([422, errors]);
      expect((await get('views/bad')).status).toBe(404);
    });

    it('should refuse ill-typed fields of a view by name', async () => {
      const body = {
        ...VIEW,
        ttl_seconds: 0,
        features: [{ name: 'f', type: 'int32', rules: { max_missing_share: 2, nul: 1 } }],
        on_failure: 'ignore',
      };
      const answer = await put('views/bad', body);
      expect([answer.status, answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
        400,
        [
          '/ttl_seconds',
          '/features/0/type',
          '/features/0/rules/nul',
          '/features/0/rules/max_missing_share',
          '/on_failure',
        ],
      ]);
    });

    it('should refuse a source outside of the grants', async () => {
      for (const source of [
        's3://tenants/globex/a.parquet',
        's3://modelplane/acme-corp/a.parquet',
        's3://*/a.parquet',
      ])
        expect([source, (await put('views/bad', { ...VIEW, source: { path: source } })).status]).toEqual([
          source,
          source.includes('*') ? 400 : 403,
        ]);
    });

    const SERVICES: [object, object[]][] = [
      [{ features: ['total_orders'] }, [fault('/features/0', /must be view:feature/)]],
      [
        {
          features: [
            'customer_feature:total_orders',
            'customer_features:totl_orders',
            'customer_features@v9:avg_order_value',
          ],
        },
        [
          fault('/features/0', /did you mean 'customer_features'/),
          fault('/features/1', /did you mean 'total_orders'/),
          fault('/features/2', /no version 9, only 1/),
        ],
      ],
      [
        { features: ['customer_features:total_orders', 'customer_features:total_orders'] },
        [fault('/features/1', /same as item 0/)],
      ],
      [
        { features: ['customer_features:total_orders', 'customer_features@v1:total_orders'] },
        [fault('/features/1', /has the name 'total_orders' as item 0 does/)],
      ],
      [
        { ...SERVICE, rename: { 'customer_features:total_order': 'orders' }, default_values: {} },
        [fault('/rename/customer_features:total_order', /is not among features; did you mean/)],
      ],
      [
        { ...SERVICE, rename: { 'customer_features:total_orders': 'customer_id' }, default_values: {} },
        [fault('/features/0', /key column/)],
      ],
      [
        { ...SERVICE, rename: { 'customer_features:total_orders': '9' }, default_values: {} },
        [fault('/rename/customer_features:total_orders', /begin with no digit/)],
      ],
      [
        { ...SERVICE, default_values: { order: 0 } },
        [fault('/default_values/order', /did you mean 'orders'/)],
      ],
      [
        { ...SERVICE, default_values: { orders: 1.5, paid_30d: 'x' } },
        [
          fault('/default_values/orders', /whole number/),
          fault('/default_values/paid_30d', /finite number.*float64/),
        ],
      ],
      [
        { ...SERVICE, default_values: { orders: null } },
        [fault('/default_values/orders', /must not be null/)],
      ],
    ];
    it.each(SERVICES)('should refuse a service %j', async (body, errors) => {
      const answer = await put('services/bad', body);
      expect([answer.status, answer.body.errors]).toEqual([422, errors]);
    });

    it('should refuse more definitions than a tenant may have', async () => {
      const small = await Service.start({
        beside: service,
        env: { MODELPLANE_FEATURES_MAX_DEFINITIONS: '2' },
      });
      const client = await small.as('initech', 'scientist');
      for (const [name, status] of [
        ['a', 201],
        ['b', 201],
        ['c', 422],
        ['a', 200],
      ] as const)
        expect([name, (await put(`entities/${name}`, CUSTOMER, client)).status]).toEqual([name, status]);
      await small.stop();
    });
  });

  describe('versions', () => {
    beforeEach(clear);

    it('should change in place what leaves all that reads a view as it is', async () => {
      await define('view');
      await service.database.query(`update feature_views set watermark = now(), materialized_at = now()`);
      const change = {
        ...VIEW,
        ttl_seconds: 86_400,
        description: 'orders',
        on_failure: 'warn',
        max_lateness_seconds: 60,
      };
      const described = await put('views/customer_features', change);
      expect([described.status, described.body.version, described.body.description]).toEqual([
        200,
        1,
        'orders',
      ]);
      expect(described.body.online.watermark).not.toBeNull();
      const more = { ...change, features: [{ name: 'tier', type: 'string' }, ...FEATURES] };
      expect((await put('views/customer_features', more)).body).toMatchObject({
        version: 1,
        online: { watermark: null, materialized_at: expect.any(String) },
      });
      // A slot that has been given stays where it is.
      const [row] = await service.database.query<{ definition: { layout: string[] } }>(
        'select definition from feature_views',
      );
      expect(row!.definition.layout).toEqual(['total_orders', 'avg_order_value', 'tier']);
    });

    const INCOMPATIBLE: [string, object, string[]][] = [
      ['fewer features', { ...VIEW, features: [FEATURES[0]] }, ['/features']],
      [
        'another type and column',
        { ...VIEW, features: [{ ...FEATURES[0], type: 'float64', rules: {}, column: 'n' }, FEATURES[1]] },
        ['/features/0/type', '/features/0/column'],
      ],
      [
        'another timestamp',
        { ...VIEW, timestamp_column: 'at', created_column: 'created' },
        ['/timestamp_column', '/created_column'],
      ],
      ['another entity', { ...VIEW, entities: ['shop'] }, ['/entities']],
      ['expressions', ON_DEMAND, ['']],
    ];
    it.each(INCOMPATIBLE)(
      'should refuse %s in place, naming each change and what to put',
      async (_, body, pointers) => {
        await define('view');
        await put('entities/shop', { keys: [{ name: 'shop_id', type: 'int64' }] });
        const answer = await put('views/customer_features', body);
        expect([answer.status, answer.body.code]).toEqual([409, 'FEATURE_CONFLICT']);
        expect(answer.body.detail).toContain('customer_features@v2');
        expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
        const made = await put(
          'views/customer_features@v2',
          body === ON_DEMAND
            ? {
                ...ON_DEMAND,
                inputs: {
                  ...ON_DEMAND.inputs,
                  features: ['customer_features@v1:total_orders', 'customer_features@v1:avg_order_value'],
                },
              }
            : body,
        );
        expect([made.status, made.body.version, made.body.is_current]).toEqual([201, 2, false]);
        expect((await get('views/customer_features')).body.version).toBe(1);
      },
    );

    it.each([
      { window: '29d' },
      { where: "status = 'open'" },
      { where: undefined },
      { column: 'total' },
      { function: 'mean' },
    ])('should refuse an aggregation with %j in place', async (more) => {
      await define('events');
      const [first, ...others] = EVENTS.aggregations;
      const changed = { ...EVENTS, aggregations: [{ ...first, ...more }, ...others] };
      expect((await put('views/order_windows', changed)).status).toBe(409);
      expect((await put('views/order_windows', { ...EVENTS, aggregations: [...others, first] })).status).toBe(
        200,
      );
    });

    it('should refuse another expression, and another input, in place', async () => {
      await define('view', 'on_demand');
      const other = { ...ON_DEMAND, features: [{ ...ON_DEMAND.features[0], expression: 'basket * 2.5' }] };
      expect((await put('views/basket', other)).status).toBe(409);
      const request = [...ON_DEMAND.inputs.request, { name: 'coupon', type: 'string' }];
      const more = { ...ON_DEMAND, inputs: { ...ON_DEMAND.inputs, request } };
      expect((await put('views/basket', more)).status).toBe(409);
      const fewer = { ...ON_DEMAND.inputs, features: ['customer_features:avg_order_value'] };
      expect((await put('views/basket', { ...ON_DEMAND, inputs: fewer })).status).toBe(409);
      const added = {
        ...ON_DEMAND,
        features: [...ON_DEMAND.features, { name: 'twice', type: 'float64', expression: 'basket * 2.0' }],
      };
      expect((await put('views/basket', added)).status).toBe(200);
    });

    it('should number versions without gaps, list them newest first, and delete one by its number', async () => {
      await define('view');
      expect((await put('views/customer_features@v3', VIEW)).status).toBe(409);
      for (const version of [2, 3])
        await put(`views/customer_features@v${version}`, { ...VIEW, timestamp_column: `t${version}` });
      const { data, page } = (await get('views/customer_features/versions?limit=2')).body;
      expect(data.map((each: { version: number }) => each.version)).toEqual([3, 2]);
      const { data: rest } = (
        await get(`views/customer_features/versions?limit=2&cursor=${page.next_cursor}`)
      ).body;
      expect(rest).toMatchObject([{ version: 1, is_current: true }]);
      expect((await acme.delete(path('views/customer_features@v2'))).status).toBe(204);
      expect((await get('views/customer_features@v2')).status).toBe(404);
      expect((await acme.delete(path('views/customer_features@v1'))).status).toBe(409);
    });

    it('should promote a version once it has been materialized', async () => {
      await define('view', 'events', 'service');
      await put('views/customer_features@v2', { ...VIEW, timestamp_column: 'at' });
      const early = await acme.put(path('views/customer_features@v2/promote'));
      expect([early.status, early.body.code, early.body.detail]).toEqual([
        409,
        'FEATURE_CONFLICT',
        expect.stringContaining('materialize'),
      ]);
      await materialized('customer_features', 2);
      expect((await acme.put(path('views/customer_features@v2/promote'))).body).toMatchObject({
        version: 2,
        is_current: true,
      });
      expect((await get('services/churn')).body.takes[0]).toMatchObject({ version: 2 });
      expect((await get('views/customer_features@v1')).body.is_current).toBe(false);
      // Again, it is as it is; and back.
      expect((await acme.put(path('views/customer_features@v2/promote'))).status).toBe(200);
      await materialized('customer_features', 1);
      expect((await acme.put(path('views/customer_features@v1/promote'))).status).toBe(200);
      expect((await acme.put(path('views/customer_features/promote'))).status).toBe(400);
      expect((await acme.put(path('views/customer_features@v7/promote'))).status).toBe(404);
    });

    it('should promote a view on demand at once', async () => {
      await define('view', 'on_demand');
      const other = { ...ON_DEMAND, features: [{ ...ON_DEMAND.features[0], expression: 'basket * 2.5' }] };
      await put('views/basket@v2', other);
      expect((await acme.put(path('views/basket@v2/promote'))).body.is_current).toBe(true);
    });

    it('should not promote a version that lacks what is read by the name of the view', async () => {
      await define('view', 'events', 'service');
      await put('views/customer_features@v2', {
        ...VIEW,
        features: [{ ...FEATURES[0], type: 'float64' }, FEATURES[1]],
      });
      await materialized('customer_features', 2);
      const refused = await acme.put(path('views/customer_features@v2/promote'));
      expect([refused.status, refused.body.detail]).toEqual([
        409,
        expect.stringMatching(/total_orders.*the service churn/),
      ]);
      await put('services/churn', { features: ['customer_features@v1:total_orders'] });
      expect((await acme.put(path('views/customer_features@v2/promote'))).status).toBe(200);
    });
  });

  describe('DELETE', () => {
    beforeEach(clear);

    it('should refuse what is used, naming the users, and delete from the end to the beginning', async () => {
      await define('view', 'events', 'on_demand', 'service');
      await trained([{ reference: 'customer_features:total_orders', name: 'orders' }]);
      const USED: [string, RegExp][] = [
        ['entities/customer', /customer_features@v1, order_windows@v1/],
        [
          'views/customer_features',
          /basket@v1, the service churn, version 1.0.0 of the model customer_churn/,
        ],
        ['views/order_windows', /the service churn/],
        ['services/churn', /version 1.0.0 of the model customer_churn/],
      ];
      for (const [of, users] of USED) {
        const { status, body } = await acme.delete(path(of));
        expect([of, status, body.code, body.detail]).toEqual([
          of,
          409,
          'FEATURE_CONFLICT',
          expect.stringMatching(users),
        ]);
      }
      await service.database.query(`update model_versions set stage = 'archived'`);
      for (const of of [
        'services/churn',
        'views/basket',
        'views/customer_features@v1',
        'views/order_windows',
        'entities/customer',
      ]) {
        expect([of, (await acme.delete(path(of))).status]).toEqual([of, 204]);
        expect([of, (await acme.delete(path(of))).status]).toEqual([of, 404]);
      }
    });

    it('should never give the number of a deleted view in the online store again', async () => {
      await define('view');
      await acme.delete(path('views/customer_features'));
      await put('views/customer_features', VIEW);
      const [{ online_id }] = (await service.database.query<{ online_id: number }>(
        'select online_id from feature_views',
      )) as [{ online_id: number }];
      const [{ last }] = (await service.database.query<{ last: number }>(
        `select last from feature_online_ids where tenant_id = 'acme-corp'`,
      )) as [{ last: number }];
      expect([online_id, last >= 2]).toEqual([last, true]);
    });

    it('should let an entity have other keys only while no view has it', async () => {
      await define();
      const other = { keys: [{ name: 'customer_id', type: 'int64' }] };
      expect((await put('entities/customer', other)).status).toBe(200);
      await put('views/customer_features', VIEW);
      const refused = await put('entities/customer', CUSTOMER);
      expect([refused.status, refused.body.errors]).toEqual([
        409,
        [{ pointer: '/keys', message: 'are those of customer_features@v1' }],
      ]);
      expect((await put('entities/customer', { ...other, owner: 'ana' })).status).toBe(200);
    });
  });

  describe('POST /features/plan', () => {
    beforeEach(clear);

    it('should say what each definition would do, and change nothing', async () => {
      await define('view', 'events', 'on_demand', 'service');
      await trained([{ reference: 'customer_features:total_orders', name: 'orders' }]);
      const before = await service.database.query('select * from feature_views');
      const { status, body } = await acme.post(path('plan'), {
        entities: {
          customer: CUSTOMER,
          shop: { keys: [{ name: 'shop_id', type: 'int64' }] },
          Bad: CUSTOMER,
          none: { keys: [] },
        },
        views: {
          of_shop: {
            ...ON_DEMAND,
            inputs: { features: ['shop_features:sales'] },
            features: [{ name: 'f', type: 'int64', expression: 'sales + 1' }],
          },
          shop_features: { ...VIEW, entities: ['shop'], features: [{ name: 'sales', type: 'int64' }] },
          customer_features: { ...VIEW, features: [{ ...FEATURES[0], type: 'float64' }, FEATURES[1]] },
          order_windows: { ...EVENTS, ttl_seconds: 5, owner: 'ana' },
          elsewhere: { ...VIEW, source: { path: 's3://tenants/globex/a.csv' } },
        },
        services: {
          churn: SERVICE,
          sales: { features: ['shop_features:sales', 'of_shop:f'] },
          wrong: { features: ['shop_features:sale'] },
        },
      });
      expect([status, body]).toEqual([
        200,
        {
          entities: [
            { name: 'customer', action: 'unchanged' },
            { name: 'shop', action: 'create' },
            { name: 'Bad', action: 'invalid', reasons: [{ pointer: 'name', message: expect.any(String) }] },
            { name: 'none', action: 'invalid', reasons: [{ pointer: '/keys', message: expect.any(String) }] },
          ],
          views: [
            { name: 'of_shop', action: 'create' },
            { name: 'shop_features', action: 'create' },
            {
              name: 'customer_features',
              action: 'new_version',
              reasons: [
                {
                  pointer: '/features/0/type',
                  message: "of 'total_orders' is another one instead of 'int64'",
                },
              ],
              put_as: 'customer_features@v2',
            },
            { name: 'order_windows', action: 'change', fields: ['owner', 'ttl_seconds'] },
            {
              name: 'elsewhere',
              action: 'invalid',
              reasons: [{ pointer: '/source/path', message: expect.stringContaining('outside') }],
            },
          ],
          services: [
            { name: 'churn', action: 'unchanged' },
            { name: 'sales', action: 'create' },
            {
              name: 'wrong',
              action: 'invalid',
              reasons: [{ pointer: '/features/0', message: expect.stringContaining("did you mean 'sales'") }],
            },
          ],
          breaks: {
            services: [{ name: 'churn', features: ['customer_features:total_orders'] }],
            model_versions: [
              {
                ...{ model_id: expect.any(String), model_name: 'customer_churn', version: '1.0.0' },
                ...{ stage: 'staging', feature_service: 'churn' },
              },
            ],
            model_version_count: 1,
          },
        },
      ]);
      expect(await service.database.query('select * from feature_views')).toEqual(before);
      expect((await get('entities/shop')).status).toBe(404);
    });

    it.each([
      [null, ''],
      [[], ''],
      [{ view: {} }, '/view'],
      [{ views: [] }, '/views'],
      [{ services: null }, '/services'],
    ])('should refuse the body %j', async (body, pointer) => {
      const { status, body: answer } = await acme.post(path('plan'), JSON.stringify(body), {
        'content-type': 'application/json',
      });
      expect([status, answer.errors[0].pointer]).toEqual([400, pointer]);
    });

    it('should find nothing to do in nothing', async () => {
      expect((await acme.post(path('plan'), {})).body).toEqual({
        ...{ entities: [], views: [], services: [] },
        breaks: { services: [], model_versions: [], model_version_count: 0 },
      });
    });
  });

  describe('lineage', () => {
    beforeEach(clear);

    it('should lead from sources to the versions of models, from a view and from a service', async () => {
      await define('view', 'events', 'on_demand');
      await put('services/churn', { features: ['customer_features:total_orders', 'basket:basket_ratio'] });
      await trained([{ reference: 'basket@v1:basket_ratio', name: 'basket_ratio' }], 'production');
      const models = {
        model_versions: [
          {
            model_id: expect.any(String),
            model_name: 'customer_churn',
            version: '1.0.0',
            stage: 'production',
            feature_service: 'churn',
          },
        ],
        model_version_count: 1,
      };
      const whole = {
        sources: [{ path: VIEW.source.path, format: 'parquet' }],
        views: [
          { name: 'customer_features', version: 1, kind: 'stored', reads: [VIEW.source.path] },
          { name: 'basket', version: 1, kind: 'on_demand', reads: ON_DEMAND.inputs.features },
        ],
        services: [{ name: 'churn', reads: ['customer_features:total_orders', 'basket:basket_ratio'] }],
        ...models,
      };
      expect((await get('views/customer_features/lineage')).body).toEqual(whole);
      expect((await get('views/basket@v1/lineage')).body).toEqual(whole);
      expect((await get('services/churn/lineage')).body).toEqual(whole);
      expect((await get('views/order_windows/lineage')).body).toEqual({
        sources: [{ path: EVENTS.source.path, format: 'csv' }],
        views: [{ name: 'order_windows', version: 1, kind: 'stored', reads: [EVENTS.source.path] }],
        ...{ services: [], model_versions: [], model_version_count: 0 },
      });
    });
  });
});
