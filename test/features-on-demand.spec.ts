import type { Answer, Client } from './support/client.js';
import { Service } from './support/service.js';

const AT = '2026-02-12T10:00:00Z';

/** Expressions over two stored features, an event count and what a request says. */
const RISK = {
  inputs: {
    request: [
      { name: 'amount', type: 'float64' },
      { name: 'at', type: 'timestamp' },
    ],
    features: ['customers:income', 'customers:orders', 'customers:since'],
  },
  features: [
    { name: 'amount_share', type: 'float64', expression: 'amount / income' },
    { name: 'days_known', type: 'int64', expression: "date_diff('day', since, at)" },
    { name: 'next_order', type: 'int64', expression: 'orders + 1' },
    { name: 'is_new', type: 'boolean', expression: 'orders is null or orders = 0' },
  ],
};

describe('features on demand', () => {
  let service: Service;
  let client: Client;
  let count = 0;

  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service?.stop());
  beforeEach(async () => {
    const tenant = `tenant-${++count}`;
    client = await service.as(tenant);
    await put('entities/customer', { keys: [{ name: 'customer_id', type: 'string' }] });
    await put('views/customers', {
      entities: ['customer'],
      source: { path: `s3://tenants/${tenant}/customers.parquet` },
      timestamp_column: 'event_timestamp',
      features: [
        { name: 'income', type: 'float64' },
        { name: 'orders', type: 'int64' },
        { name: 'since', type: 'timestamp' },
      ],
    });
    await put('views/risk', RISK);
    await push([
      { customer_id: 'a', income: 1000, orders: '9007199254740992', since: '2026-01-01' },
      { customer_id: 'poor', income: 0, orders: '9223372036854775807', since: null },
    ]);
  });

  const put = async (path: string, body: object): Promise<void> => {
    const answer = await client.put(`/api/v1/features/${path}`, body);
    expect(answer).toMatchObject({ body: { name: expect.any(String) as string } });
  };
  const push = async (rows: object[]): Promise<void> => {
    const body = {
      view: 'customers',
      rows: rows.map((row) => ({ ...row, event_timestamp: AT })),
      to: 'online',
    };
    expect(await client.post('/api/v1/features/push', body)).toMatchObject({ status: 200 });
  };
  const online = (body: object): Promise<Answer> => client.post('/api/v1/features/online', body);
  const features = RISK.features.map(({ name }) => `risk:${name}`);

  it('should be computed of what is kept and what the request says', async () => {
    const row = { customer_id: 'a', amount: 250, at: '2026-02-12T01:00:00+02:00' };
    const { status, body } = await online({
      feature_refs: features,
      entity_rows: [row],
      include_status: true,
    });
    expect(status).toBe(200);
    expect(body.results).toEqual([
      { ...row, amount_share: 0.25, days_known: 41, next_order: '9007199254740993', is_new: false },
    ]);
    expect(new Set(Object.values(body.statuses[0]))).toEqual(new Set(['PRESENT']));
  });

  it('should be null where they cannot be computed, and never fail the request', async () => {
    const rows = [
      { customer_id: 'poor', amount: 1, at: AT },
      { customer_id: 'unknown', amount: 1, at: AT },
      { customer_id: 'a', amount: null, at: null },
    ];
    const { status, body } = await online({
      feature_refs: [...features, 'customers:income'],
      entity_rows: rows,
      include_status: true,
    });
    expect(status).toBe(200);
    const nothing = { amount_share: null, days_known: null, next_order: null };
    expect(body.results).toEqual([
      { ...rows[0], ...nothing, is_new: false, income: 0 },
      { ...rows[1], ...nothing, is_new: true, income: null },
      { ...rows[2], ...nothing, next_order: '9007199254740993', is_new: false, income: 1000 },
    ]);
    expect(body.statuses[1]).toEqual({
      amount_share: 'NULL',
      days_known: 'NULL',
      next_order: 'NULL',
      is_new: 'PRESENT',
      income: 'MISSING',
    });
  });

  it('should take the names and defaults of a feature service', async () => {
    await put('services/scoring', {
      features: ['risk:amount_share', 'customers:orders'],
      rename: { 'risk:amount_share': 'share' },
      default_values: { share: -1, orders: 0 },
    });
    const { body } = await online({
      feature_service: 'scoring',
      entity_rows: [{ customer_id: 'unknown', amount: 1, at: AT }],
    });
    expect(body.results).toEqual([{ customer_id: 'unknown', amount: 1, at: AT, share: -1, orders: 0 }]);
  });

  it('should need no entity where they read only the request', async () => {
    await put('views/ratio', {
      inputs: {
        request: [
          { name: 'a', type: 'int64' },
          { name: 'b', type: 'int64' },
        ],
      },
      features: [{ name: 'share', type: 'float64', expression: 'a / b' }],
    });
    const { body } = await online({
      feature_refs: ['ratio:share'],
      entity_rows: [
        { a: 1, b: 4 },
        { a: 1, b: 0 },
      ],
      full_feature_names: true,
      include_event_times: true,
    });
    expect(body.results.map((row: Record<string, unknown>) => row.ratio__share)).toEqual([0.25, null]);
    expect(body.event_times).toEqual([{}, {}]);
  });

  it('should read the version that their inputs name', async () => {
    await put('views/pinned', {
      inputs: { features: ['customers@v1:income'] },
      features: [{ name: 'double', type: 'float64', expression: 'income * 2' }],
    });
    const { body } = await online({
      feature_refs: ['pinned:double', 'customers:income'],
      entity_rows: [{ customer_id: 'a' }],
    });
    expect(body.results).toEqual([{ customer_id: 'a', double: 2000, income: 1000 }]);
  });

  it.each([
    [{ customer_id: 'a', at: AT }, '/entity_rows/0/amount', /finite number, got nothing/],
    [{ customer_id: 'a', amount: '1', at: AT }, '/entity_rows/0/amount', /got the text/],
    [{ customer_id: 'a', amount: 1, at: 'today' }, '/entity_rows/0/at', /date or time/],
    [{ customer_id: 'a', amount: 1, at: AT, extra: 1 }, '/entity_rows/0/extra', /customer_id, amount, at/],
    [{ amount: 1, at: AT }, '/entity_rows/0/customer_id', /got nothing/],
  ])('should refuse the row %j', async (row, pointer, message) => {
    const { body } = await online({ feature_refs: features, entity_rows: [row] });
    expect(body).toMatchObject({ status: 422, errors: [{ pointer }] });
    expect(body.errors[0].message).toMatch(message);
  });

  it('should refuse names that would meet, and inputs of two types', async () => {
    await put('views/other', {
      inputs: { request: [{ name: 'amount', type: 'int64' }] },
      features: [
        { name: 'at', type: 'int64', expression: 'amount' },
        { name: 'more', type: 'int64', expression: 'amount + 1' },
      ],
    });
    const rows = [{ customer_id: 'a', amount: 1, at: AT }];
    const types = await online({ feature_refs: ['risk:is_new', 'other:more'], entity_rows: rows });
    expect(types.body).toMatchObject({ status: 422, errors: [{ pointer: '/feature_refs/1' }] });
    expect(types.body.detail).toMatch(/asks for 'amount' as float64 and, for the view other, as int64/);
    await put('views/third', {
      inputs: { request: [{ name: 'amount', type: 'float64' }] },
      features: [{ name: 'at', type: 'float64', expression: 'amount' }],
    });
    const names = await online({ feature_refs: ['risk:is_new', 'third:at'], entity_rows: rows });
    expect(names.body).toMatchObject({ status: 422, errors: [{ pointer: '/feature_refs/1' }] });
  });
});
