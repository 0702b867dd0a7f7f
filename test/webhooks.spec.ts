import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Deliverer } from '../src/modules/webhooks/deliveries/deliverer.js';
import { DeliverySweeper } from '../src/modules/webhooks/deliveries/delivery-sweeper.js';
import { Database } from '../src/platform/database/database.js';
import { newId } from '../src/platform/http/identifiers.js';
import type { NewEvent } from '../src/platform/outbox/event-types.js';
import { Outbox } from '../src/platform/outbox/outbox.js';
import type { Client } from './support/client.js';
import { Receiver, type Received } from './support/receiver.js';
import { Service } from './support/service.js';

const HOOKS = '/api/v1/webhooks';

interface Delivery {
  delivery_id: string;
  event_id: string;
  sequence: number;
  type: string;
  state: string;
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  last_attempt_at: string | null;
  next_attempt_at: string | null;
}

describe('webhooks', () => {
  let service: Service;
  let receiver: Receiver;
  let client: Client;
  let tenant = '';
  let count = 0;

  beforeAll(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_WEBHOOKS_ALLOW_HTTP: 'true',
        MODELPLANE_WEBHOOKS_ALLOWED_NETWORKS: '127.0.0.0/8',
        MODELPLANE_WEBHOOKS_PORTS: 'any',
        MODELPLANE_WEBHOOKS_PER_TENANT: '3',
        MODELPLANE_WEBHOOKS_MAX_PENDING: '4',
        MODELPLANE_WEBHOOKS_CONCURRENCY: '2',
        MODELPLANE_WEBHOOKS_CONCURRENCY_PER_TENANT: '1',
      },
    });
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    receiver = await Receiver.start();
    tenant = `tenant-${++count}`;
    client = await service.as(tenant);
  });
  afterEach(() => receiver.stop());

  const part = <T>(type: new (...args: never[]) => T): T => service.app.get(type, { strict: false });
  const create = async (body: object = {}) =>
    (await client.post(HOOKS, { url: receiver.url(), events: ['*'], ...body })).body;
  const add = (event: NewEvent, of = tenant) =>
    part(Database).asTenant(of, (scope) => part(Outbox).add(scope, event));
  const deleted = (model_id: string): NewEvent => ({ type: 'model.deleted', data: { model_id } });
  const deliver = () => part(Deliverer).deliver();
  const deliveries = async (id: string, query = ''): Promise<Delivery[]> =>
    (await client.get(`${HOOKS}/${id}/deliveries${query}`)).body.data;
  const states = async (id: string) =>
    (await deliveries(id)).map(({ sequence, state, attempts }) => [sequence, state, attempts]);
  /** What waits for its next attempt is due now, as if that time had passed. */
  const passTime = async (what = `due_at = now()`) => {
    await service.database.query(`update webhook_deliveries set ${what} where tenant_id = $1`, [tenant]);
  };
  const failing = (status: number, headers: Record<string, string> = {}) => {
    receiver.answer = (response) => response.writeHead(status, headers).end('a body that nobody sees');
  };
  const verified = (secret: string, { headers, body }: Received): unknown =>
    new StandardWebhook(secret).verify(body, headers as Record<string, string>);

  it('should be made with a secret that is shown once and kept encrypted', async () => {
    const body = { url: receiver.url(), events: ['model.*', 'job.ended'], description: 'for releases' };
    const key = { 'idempotency-key': 'once' };
    const made = await client.post(HOOKS, body, key);
    expect([made.status, made.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const { secret, ...rest } = made.body;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(rest).toEqual({
      webhook_id: expect.any(String),
      ...body,
      enabled: true,
      disabled_reason: null,
      failing_since: null,
      previous_secret_until: null,
      created_by: `admin@${tenant}.example`,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    const replayed = await client.post(HOOKS, body, key);
    expect(replayed.body).toEqual({ ...rest, secret: null });
    expect((await client.get(`${HOOKS}/${rest.webhook_id}`)).body).toEqual(rest);
    expect((await client.get(HOOKS)).body).toEqual({
      data: [rest],
      page: { count: 1, next_cursor: null },
    });
    const kept = await service.database.query<{ row: string }>(
      `select w::text as row from webhooks w where tenant_id = $1
       union all select k::text from idempotency_keys k where tenant_id = $1`,
      [tenant],
    );
    for (const hidden of [secret, Buffer.from(secret.slice(6), 'base64').toString('hex')])
      expect(JSON.stringify(kept)).not.toContain(hidden);
  });

  it('should send events with a signature that Standard Webhooks knows', async () => {
    const { webhook_id, secret } = await create();
    await add({ type: 'job.ended', data: { job_id: 'ü"\\', kind: 'x', status: 'failed', error_code: null } });
    await deliver();
    const [event] = (await client.get('/api/v1/events')).body.data;
    const [received] = receiver.received as [Received];
    expect(received.path).toBe('/hook?of=me');
    expect(received.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': event.event_id,
      'user-agent': 'Modelplane-Webhooks/1',
    });
    expect(verified(secret, received)).toEqual({
      type: event.type,
      timestamp: event.created_at,
      data: event.data,
    });
    expect(() => verified(`whsec_${Buffer.alloc(32).toString('base64')}`, received)).toThrow('No matching');
    expect(() => verified(secret, { ...received, body: received.body.replace('failed', 'passed') })).toThrow(
      'No matching',
    );
    expect(await deliveries(webhook_id)).toEqual([
      {
        delivery_id: expect.any(String),
        event_id: event.event_id,
        sequence: 1,
        type: 'job.ended',
        state: 'delivered',
        attempts: 1,
        last_status: 204,
        last_error: null,
        last_attempt_at: expect.any(String),
        next_attempt_at: null,
        created_at: expect.any(String),
      },
    ]);
    await deliver();
    expect(receiver.received).toHaveLength(1);
  });

  it('should send what was asked for, of its tenant, from its making on', async () => {
    await add(deleted('before'));
    const all = await create();
    const some = await create({ events: ['model.*'] });
    const none = await create({ events: ['job.*', 'model.registered'], enabled: false });
    await add(deleted('one'));
    await add({ type: 'job.ended', data: { job_id: 'j', kind: 'k', status: 's', error_code: null } });
    await add(deleted('of another tenant'), `${tenant}-other`);
    await deliver();
    expect(await states(all.webhook_id)).toEqual([
      [3, 'delivered', 1],
      [2, 'delivered', 1],
    ]);
    expect(await states(some.webhook_id)).toEqual([[2, 'delivered', 1]]);
    expect(await states(none.webhook_id)).toEqual([]);
    expect(receiver.received).toHaveLength(3);
    expect(receiver.data()).not.toContainEqual({ model_id: 'of another tenant' });
  });

  it('should keep the order, until a delivery has failed so often that others pass it', async () => {
    const { webhook_id } = await create();
    receiver.answer = (response, { body }) => response.writeHead(body.includes('"bad"') ? 500 : 200).end();
    for (const name of ['good', 'bad', 'later', 'last']) await add(deleted(name));
    const sent = () => receiver.data().map(({ model_id }) => model_id);
    await deliver();
    expect(sent()).toEqual(['good', 'bad']);
    await deliver();
    expect(sent()).toEqual(['good', 'bad']);
    await passTime();
    await deliver();
    expect(sent()).toEqual(['good', 'bad', 'bad']);
    await passTime();
    await deliver();
    expect(sent()).toEqual(['good', 'bad', 'bad', 'bad', 'later', 'last']);
    expect(await states(webhook_id)).toEqual([
      [4, 'delivered', 1],
      [3, 'delivered', 1],
      [2, 'pending', 3],
      [1, 'delivered', 1],
    ]);
    receiver.answer = (response) => response.writeHead(200).end();
    await passTime();
    await deliver();
    expect((await states(webhook_id))[2]).toEqual([2, 'delivered', 4]);
  });

  it('should be dead when their time is over, and be sent again when somebody asks', async () => {
    const { webhook_id } = await create();
    failing(503);
    await add(deleted('one'));
    await add(deleted('two'));
    await deliver();
    const [second, first] = (await deliveries(webhook_id)) as [Delivery, Delivery];
    expect(second).toMatchObject({ state: 'pending', attempts: 0, last_status: null, last_error: null });
    expect(first).toMatchObject({ state: 'pending', attempts: 1, last_status: 503, last_error: null });
    const waitMs = Date.parse(first.next_attempt_at!) - Date.parse(first.last_attempt_at!);
    expect(waitMs).toBeGreaterThanOrEqual(2500);
    expect(waitMs).toBeLessThanOrEqual(5000);
    expect((await client.get(`${HOOKS}/${webhook_id}`)).body.failing_since).not.toBeNull();

    await passTime(`due_at = now(), first_attempt_at = now() - interval '24 hours 1 minute'`);
    await deliver();
    expect(await states(webhook_id)).toEqual([
      [2, 'dead', 1],
      [1, 'dead', 2],
    ]);
    expect(await deliveries(webhook_id, '?state=pending')).toEqual([]);
    expect(JSON.stringify(await deliveries(webhook_id, '?state=dead'))).not.toContain('nobody sees');

    receiver.answer = (response) => response.writeHead(200).end();
    receiver.received.length = 0;
    const one = await client.post(`${HOOKS}/${webhook_id}/deliveries/${first.delivery_id}/resend`);
    expect([one.status, one.body]).toMatchObject([202, { state: 'pending', attempts: 0 }]);
    await deliver();
    expect(receiver.received[0]?.headers['webhook-id']).toBe(first.event_id);
    const rest = await client.post(`${HOOKS}/${webhook_id}/deliveries/resend`);
    expect([rest.status, rest.body]).toEqual([202, { resent: 1 }]);
    await deliver();
    expect(await states(webhook_id)).toEqual([
      [2, 'delivered', 1],
      [1, 'delivered', 1],
    ]);
    expect((await client.get(`${HOOKS}/${webhook_id}`)).body.failing_since).toBeNull();
    const twice = await client.post(`${HOOKS}/${webhook_id}/deliveries/${first.delivery_id}/resend`);
    expect(twice.status).toBe(202);
    await deliver();
    expect(receiver.data().map(({ model_id }) => model_id)).toEqual(['one', 'two', 'one']);
  });

  it('should leave a receiver alone for as long as it asks', async () => {
    const { webhook_id } = await create();
    failing(429, { 'retry-after': '120' });
    await add(deleted('one'));
    await deliver();
    const [delivery] = (await deliveries(webhook_id)) as [Delivery];
    const waitMs = Date.parse(delivery.next_attempt_at!) - Date.parse(delivery.last_attempt_at!);
    expect(waitMs).toBe(120_000);
    receiver.answer = (response) => response.writeHead(200).end();
    await passTime();
    await deliver();
    expect(receiver.received).toHaveLength(1);
    await service.database.query(`update webhooks set not_before = now() where tenant_id = $1`, [tenant]);
    await deliver();
    expect(await states(webhook_id)).toEqual([[1, 'delivered', 2]]);
  });

  it('should be disabled by 410, give up what waits, and begin anew when they are enabled', async () => {
    const { webhook_id } = await create();
    const watcher = await create({ events: ['webhook.*'], url: `${receiver.url()}&watcher` });
    receiver.answer = (response, { path }) => response.writeHead(path.includes('watcher') ? 200 : 410).end();
    await add(deleted('one'));
    await add(deleted('two'));
    await deliver();
    expect((await client.get(`${HOOKS}/${webhook_id}`)).body).toMatchObject({
      enabled: false,
      disabled_reason: 'gone',
    });
    expect(await deliveries(webhook_id)).toMatchObject([
      { sequence: 2, state: 'dead', attempts: 0, last_error: 'webhook_disabled', next_attempt_at: null },
      { sequence: 1, state: 'dead', attempts: 1, last_status: 410 },
    ]);
    await add(deleted('while it is disabled'));
    await deliver();
    expect(receiver.data().at(-1)).toEqual({ webhook_id, reason: 'gone' });
    expect(await deliveries(watcher.webhook_id)).toHaveLength(1);
    const resend = await client.post(`${HOOKS}/${webhook_id}/deliveries/resend`);
    expect([resend.status, resend.body.code]).toEqual([422, 'VALIDATION_ERROR']);

    receiver.answer = (response) => response.writeHead(200).end();
    const enabled = await client.patch(`${HOOKS}/${webhook_id}`, { enabled: true });
    expect(enabled.body).toMatchObject({ enabled: true, disabled_reason: null, failing_since: null });
    await add(deleted('later'));
    await deliver();
    expect(receiver.data().at(-1)).toEqual({ model_id: 'later' });
    expect((await deliveries(webhook_id)).map(({ sequence }) => sequence)).toEqual([5, 2, 1]);
    expect((await client.post(`${HOOKS}/${webhook_id}/deliveries/resend`)).body).toEqual({ resent: 2 });
  });

  it('should be disabled where all has failed for days, and not before', async () => {
    const { webhook_id } = await create();
    failing(500);
    await add(deleted('one'));
    await deliver();
    const since = (time: string) =>
      service.database.query(
        `update webhooks set failing_since = now() - $2::interval where tenant_id = $1`,
        [tenant, time],
      );
    await since('4 days 23 hours');
    await passTime();
    await deliver();
    expect((await client.get(`${HOOKS}/${webhook_id}`)).body.enabled).toBe(true);
    await since('5 days 1 minute');
    await passTime();
    await deliver();
    expect((await client.get(`${HOOKS}/${webhook_id}`)).body).toMatchObject({
      enabled: false,
      disabled_reason: 'failing',
    });
    const events = (await client.get('/api/v1/events?type=webhook.*')).body.data;
    expect(events).toMatchObject([{ type: 'webhook.disabled', data: { webhook_id, reason: 'failing' } }]);
  });

  it('should be signed with both secrets for a while after a rotation', async () => {
    const { webhook_id, secret: old } = await create();
    const { status, body } = await client.post(`${HOOKS}/${webhook_id}/rotate-secret`);
    expect([status, body.secret]).toEqual([200, expect.stringMatching(/^whsec_/)]);
    expect(body.secret).not.toBe(old);
    const overlapHours = (Date.parse(body.previous_secret_until) - Date.now()) / 3_600_000;
    expect(Math.round(overlapHours)).toBe(24);
    await add(deleted('one'));
    await deliver();
    const [first] = receiver.received as [Received];
    expect(verified(old, first)).toEqual(verified(body.secret, first));
    await service.database.query('update webhooks set previous_until = now() where tenant_id = $1', [tenant]);
    await add(deleted('two'));
    await deliver();
    const second = receiver.received[1]!;
    expect(verified(body.secret, second)).toMatchObject({ data: { model_id: 'two' } });
    expect(() => verified(old, second)).toThrow('No matching');
    expect((await client.get(`${HOOKS}/${webhook_id}`)).body.previous_secret_until).toBeNull();
  });

  it('should fail, and not be sent unsigned, where the secret was encrypted with another key or for another row', async () => {
    const [one, other] = [await create(), await create()];
    await service.database.query(
      'update webhooks set secret = (select secret from webhooks where id = $2) where id = $1',
      [one.webhook_id, other.webhook_id],
    );
    await add(deleted('one'));
    await deliver();
    expect(await deliveries(one.webhook_id)).toMatchObject([
      { state: 'pending', attempts: 1, last_error: 'secret_unreadable' },
    ]);
    expect(receiver.received).toHaveLength(1);
  });

  it('should be tried while their caller waits, with nothing kept', async () => {
    const { webhook_id, secret } = await create({ enabled: false });
    const test = () => client.post(`${HOOKS}/${webhook_id}/test`);
    expect((await test()).body).toEqual({
      delivered: true,
      status: 204,
      error: null,
      duration_seconds: expect.any(Number),
    });
    expect(verified(secret, receiver.received[0]!)).toEqual({
      type: 'webhook.test',
      timestamp: expect.any(String),
      data: { webhook_id },
    });
    failing(302, { location: receiver.url() });
    const refused = await test();
    expect([refused.status, refused.body]).toMatchObject([200, { delivered: false, status: 302 }]);
    expect(JSON.stringify(refused.body)).not.toContain('nobody sees');
    expect(receiver.received).toHaveLength(2);
    expect(await deliveries(webhook_id)).toEqual([]);
  });

  it('should be changed, if they are as the caller saw them, and deleted', async () => {
    const { webhook_id } = await create();
    const path = `${HOOKS}/${webhook_id}`;
    const etag = (await client.get(path)).headers.get('etag')!;
    const change = { description: 'other', events: ['job.*'], url: `${receiver.url()}&other` };
    const changed = await client.patch(path, change, { 'if-match': etag });
    expect([changed.status, changed.body]).toMatchObject([200, change]);
    expect((await client.patch(path, { enabled: false }, { 'if-match': etag })).status).toBe(412);
    await add(deleted('one'));
    await deliver();
    expect(await deliveries(webhook_id)).toEqual([]);
    expect((await client.delete(path)).status).toBe(204);
    for (const answer of [
      await client.get(path),
      await client.patch(path, {}),
      await client.delete(path),
      await client.post(`${path}/test`),
      await client.post(`${path}/rotate-secret`),
      await client.get(`${path}/deliveries`),
      await client.post(`${path}/deliveries/resend`),
      await client.post(`${path}/deliveries/${newId()}/resend`),
    ])
      expect([answer.status, answer.body.code]).toEqual([404, 'NOT_FOUND']);
  });

  it('should not be more than a tenant may have, whoever asks at the same time', async () => {
    const body = { url: receiver.url(), events: ['*'] };
    const answers = await Promise.all(Array.from({ length: 6 }, () => client.post(HOOKS, body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 422, 422, 422]);
    expect(answers.find(({ status }) => status === 422)?.body.detail).toContain('3 webhooks');
  });

  it('should have no more waiting than may wait, and lose nothing by it', async () => {
    const { webhook_id } = await create();
    failing(500);
    await add(deleted('0'));
    await add(deleted('1'));
    await add(deleted('2'));
    await add(deleted('3'));
    await deliver();
    for (let event = 4; event < 9; event++) await add(deleted(String(event)));
    await deliver();
    expect(await deliveries(webhook_id)).toHaveLength(4);
    receiver.answer = (response) => response.writeHead(200).end();
    receiver.received.length = 0;
    await passTime();
    await deliver();
    await deliver();
    expect(receiver.data().map(({ model_id }) => model_id)).toEqual([...'012345678']);
  });

  it('should say how many events were deleted before they were sent', async () => {
    const { webhook_id } = await create();
    for (const name of ['gone', 'gone too', 'there']) await add(deleted(name));
    await service.database.query('delete from outbox where tenant_id = $1 and sequence < 3', [tenant]);
    const missed = async () =>
      Number(/modelplane_webhook_events_missed_total (\d+)/.exec((await client.get('/metrics')).body)![1]);
    const before = await missed();
    await deliver();
    expect((await missed()) - before).toBe(2);
    expect(await states(webhook_id)).toEqual([[3, 'delivered', 1]]);
    await add(deleted('gone as well'));
    await service.database.query('delete from outbox where tenant_id = $1', [tenant]);
    await deliver();
    expect((await missed()) - before).toBe(3);
    await add(deleted('next'));
    await deliver();
    expect(receiver.data().map(({ model_id }) => model_id)).toEqual(['there', 'next']);
  });

  it('should be kept for a while once they have ended', async () => {
    const { webhook_id } = await create();
    for (const name of ['old', 'young', 'pending']) await add(deleted(name));
    receiver.answer = (response, { body }) =>
      response.writeHead(body.includes('"pending"') ? 500 : 200).end();
    await deliver();
    const age = (days: number, sequence: number) =>
      service.database.query(
        `update webhook_deliveries set created_at = now() - make_interval(days => $2),
           ended_at = ended_at - make_interval(days => $2) where tenant_id = $1 and sequence = $3`,
        [tenant, days, sequence],
      );
    await age(15, 1);
    await age(13, 2);
    await age(15, 3);
    await part(DeliverySweeper).sweep();
    expect((await deliveries(webhook_id)).map(({ sequence }) => sequence)).toEqual([3, 2]);
  });

  it('should be listed page by page', async () => {
    const { webhook_id } = await create();
    for (const name of ['a', 'b', 'c']) await add(deleted(name));
    await deliver();
    const path = `${HOOKS}/${webhook_id}/deliveries?limit=2&state=delivered`;
    const first = (await client.get(path)).body;
    const second = (await client.get(`${path}&cursor=${first.page.next_cursor}`)).body;
    expect([...first.data, ...second.data].map(({ sequence }: Delivery) => sequence)).toEqual([3, 2, 1]);
    expect(second.page.next_cursor).toBeNull();
    for (const query of ['state=lost', 'state=', 'limit=0', 'cursor=x', 'since=1'])
      expect((await client.get(`${HOOKS}/${webhook_id}/deliveries?${query}`)).status).toBe(400);
  });

  it.each<[string, unknown, string]>([
    ['url', undefined, '/url'],
    ['url', null, '/url'],
    ['url', '', '/url'],
    ['url', 7, '/url'],
    ['url', `http://127.0.0.1/${'x'.repeat(2048)}`, '/url'],
    ['events', undefined, '/events'],
    ['events', null, '/events'],
    ['events', [], '/events'],
    ['events', '*', '/events'],
    ['events', ['model'], '/events'],
    ['events', ['model.exploded'], '/events'],
    ['events', ['model.*', 'model.*'], '/events'],
    ['events', Array(50).fill('*'), '/events'],
    ['description', null, '/description'],
    ['description', 'x'.repeat(501), '/description'],
    ['enabled', null, '/enabled'],
    ['enabled', 'yes', '/enabled'],
    ['secret', 'whsec_mine', '/secret'],
  ])('should refuse %s that is %j', async (field, value, pointer) => {
    const body = { url: receiver.url(), events: ['*'], [field]: value };
    const { status, body: problem } = await client.post(HOOKS, body);
    expect([status, problem.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(problem.errors[0].pointer).toContain(pointer);
  });

  it.each([
    ['not a url', 'must be a URL'],
    ['//host/path', 'must be a URL'],
    ['ftp://127.0.0.1/', 'must begin with https://'],
    ['file:///etc/passwd', 'must begin with https://'],
    ['http://ana:secret@127.0.0.1/', 'no user name or password'],
    ['http://ana@127.0.0.1/', 'no user name or password'],
    ['http://127.0.0.1/#part', 'no fragment'],
    ['http://10.0.0.1/', 'all of whose addresses are public'],
    ['http://0x0a000001/', 'all of whose addresses are public'],
    ['http://[::ffff:10.0.0.1]/', 'all of whose addresses are public'],
    ['http://[::1]/', 'all of whose addresses are public'],
  ])('should refuse the receiver %s', async (url, message) => {
    const made = await client.post(HOOKS, { url, events: ['*'] });
    expect([made.status, made.body.errors]).toEqual([
      422,
      [{ pointer: '/url', message: expect.stringContaining(message) }],
    ]);
    const { webhook_id } = await create();
    const changed = await client.patch(`${HOOKS}/${webhook_id}`, { url });
    expect([changed.status, changed.body.errors]).toEqual([422, made.body.errors]);
  });

  it('should not wait for the slow receivers of another tenant', async () => {
    const slow = await Receiver.start();
    const held: ServerResponse[] = [];
    slow.answer = (response) => held.push(response);
    for (let webhook = 0; webhook < 3; webhook++) await create({ url: slow.url() });
    await add(deleted('slow'));
    const other = `${tenant}-other`;
    const body = { url: receiver.url(), events: ['*'] };
    const { webhook_id } = (await (await service.as(other)).post(HOOKS, body)).body;
    for (const name of ['a', 'b', 'c']) await add(deleted(name), other);
    const delivered = deliver();
    const rest = `select 1 from webhook_deliveries where webhook_id = $1 and state = 'pending'`;
    while (receiver.received.length < 3) await sleep(20);
    while ((await service.database.query(rest, [webhook_id])).length > 0) await sleep(20);
    expect(held).toHaveLength(1);
    slow.answer = (response) => response.writeHead(204).end();
    held[0]!.writeHead(204).end();
    await delivered;
    expect(slow.received).toHaveLength(3);
    await slow.stop();
  });

  it('should be for admins', async () => {
    for (const role of ['viewer', 'predictor', 'scientist'] as const) {
      const other = await service.as(tenant, role);
      expect((await other.get(HOOKS)).status).toBe(403);
      expect((await other.post(HOOKS, { url: receiver.url(), events: ['*'] })).status).toBe(403);
    }
    expect((await service.with(undefined).get(HOOKS)).status).toBe(401);
  });
});
