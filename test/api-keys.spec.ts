import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { newApiKey } from '../src/platform/auth/api-keys/api-key.js';
import { ApiKeysRepository } from '../src/platform/auth/api-keys/api-keys.repository.js';
import { Metrics } from '../src/platform/observability/metrics.js';
import type { Answer, Client } from './support/client.js';
import { ApiProcess } from './support/processes.js';
import { sendRaw } from './support/raw-request.js';
import { required, Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { signToken } from './support/tokens.js';

const PATH = '/api/v1/api-keys';
const MODELS = '/api/v1/models';
const ABSENT = '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e';
const KEY = /^mp_[0-9A-Za-z]{61}$/;
const MODEL = { name: 'a', model_type: 'regression', framework: 'onnx' };

interface Issued {
  key_id: string;
  key: string;
  [field: string]: unknown;
}

describe('API keys', () => {
  let service: Service;
  let acme: Client;
  let globex: Client;

  beforeAll(async () => {
    service = await Service.start();
    acme = await service.as('acme-corp');
    globex = await service.as('globex');
  });
  afterAll(() => service?.stop());
  afterEach(() => jest.restoreAllMocks());

  async function issue(body: object = {}, by = acme): Promise<Issued> {
    const answer = await by.post(PATH, { name: 'orders-service', roles: ['viewer'], ...body });
    expect(answer.status).toBe(201);
    return answer.body as Issued;
  }
  const withKey = (key: string): Promise<Answer> => service.with(undefined).get(MODELS, { 'x-api-key': key });

  function expectRefused({ status, headers, body }: Answer, reason: RegExp): void {
    expect([status, body.code]).toEqual([401, 'UNAUTHORIZED']);
    expect(headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(body.detail).toMatch(/^The key was refused: /);
    expect(body.detail).toMatch(reason);
  }

  /** Calls until the answer is another one: what a process learns from the database it learns within a second. */
  async function until(status: number, call: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      const answer = await call();
      if (answer.status === status) return answer;
      await sleep(20);
    }
  }

  describe('that are issued', () => {
    it('should be shown once, and be listed without their secret from then on', async () => {
      const { key, ...shown } = await issue({
        name: 'Bestellungen für Köln',
        roles: ['predictor', 'viewer'],
      });
      expect(key).toMatch(KEY);
      expect(shown).toEqual({
        key_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: 'Bestellungen für Köln',
        prefix: key.slice(0, 25),
        last_four: key.slice(-4),
        roles: ['predictor', 'viewer'],
        created_by: 'admin@acme-corp.example',
        created_at: expect.stringMatching(/Z$/),
        rotated_at: null,
        previous_until: null,
        last_used_at: null,
        expires_at: null,
        revoked_at: null,
      });
      const one = await acme.get(`${PATH}/${shown.key_id}`);
      expect([one.status, one.body]).toEqual([200, shown]);
      const { body: page } = await acme.get(`${PATH}?limit=1`);
      expect(page.data).toEqual([shown]);
      const secret = key.slice(25, -6);
      expect(JSON.stringify([one, page])).not.toContain(secret);
      const rows = await service.database.query('select * from api_keys');
      expect(JSON.stringify(rows)).not.toContain(secret);
    });

    it('should be in no cache', async () => {
      const { headers } = await acme.post(PATH, { name: 'n', roles: ['viewer'] });
      expect(headers.get('cache-control')).toBe('no-store');
    });

    it('should be listed newest first, page by page', async () => {
      const made = [];
      for (const name of ['one', 'two', 'three']) made.push((await issue({ name })).key_id);
      const first = await acme.get(`${PATH}?limit=2`);
      const second = await acme.get(`${PATH}?limit=2&cursor=${first.body.page.next_cursor}`);
      const ids = [...first.body.data, ...second.body.data].map(({ key_id }: Issued) => key_id);
      expect(ids.slice(0, 3)).toEqual(made.reverse());
      expect(new Set(ids).size).toBe(ids.length);
      const foreign = await globex.get(`${PATH}?cursor=${first.body.page.next_cursor}`);
      expect([foreign.status, foreign.body.code]).toEqual([400, 'INVALID_REQUEST']);
    });

    it('should be allowed to have the same name', async () => {
      const [one, other] = [await issue(), await issue()];
      expect(one.key_id).not.toBe(other.key_id);
    });

    it.each<[string, object, string]>([
      ['no name', { name: undefined }, '/name'],
      ['an empty name', { name: '' }, '/name'],
      ['a name that is null', { name: null }, '/name'],
      ['a long name', { name: 'x'.repeat(129) }, '/name'],
      ['a decomposed name', { name: 'cafe\u0301' }, '/name'],
      ['a name with a line feed', { name: 'a\nb' }, '/name'],
      ['a name with NUL', { name: 'a\0b' }, '/name'],
      ['half a surrogate pair', { name: 'a\ud800' }, '/name'],
      ['no roles', { roles: undefined }, '/roles'],
      ['an empty list of roles', { roles: [] }, '/roles'],
      ['a role that is not in a list', { roles: 'viewer' }, '/roles'],
      ['an unknown role', { roles: ['owner'] }, '/roles'],
      ['an inherited role', { roles: ['constructor'] }, '/roles'],
      ['a role twice', { roles: ['viewer', 'viewer'] }, '/roles'],
      ['an end in the past', { expires_at: '2020-01-01T00:00:00Z' }, '/expires_at'],
      ['an end in a hundred years', { expires_at: '2126-01-01T00:00:00Z' }, '/expires_at'],
      ['an end without a zone', { expires_at: '2030-01-01T00:00:00' }, '/expires_at'],
      ['an end that is no day', { expires_at: '2030-02-30T00:00:00Z' }, '/expires_at'],
      ['an end that is null', { expires_at: null }, '/expires_at'],
      ['no days', { expires_in_days: 0 }, '/expires_in_days'],
      ['half a day', { expires_in_days: 0.5 }, '/expires_in_days'],
      ['too many days', { expires_in_days: 3651 }, '/expires_in_days'],
      ['two ends', { expires_in_days: 1, expires_at: '2030-01-01T00:00:00Z' }, '/expires_in_days'],
      ['a tenant', { tenant_id: 'globex' }, '/tenant_id'],
      ['a key', { key: 'mp_mine' }, '/key'],
    ])('should be refused with %s', async (_, change, pointer) => {
      const { status, body } = await acme.post(PATH, { name: 'n', roles: ['viewer'], ...change });
      expect([status, body.code, body.errors[0].pointer]).toEqual([400, 'INVALID_REQUEST', pointer]);
    });

    it('should be for admins to see and make', async () => {
      for (const role of ['viewer', 'predictor', 'scientist', 'service'] as const) {
        const client = await service.as('acme-corp', role);
        for (const answer of [
          await client.get(PATH),
          await client.post(PATH, { name: 'n', roles: ['viewer'] }),
          await client.delete(`${PATH}/${ABSENT}`),
          await client.post(`${PATH}/${ABSENT}/rotate`, {}),
        ])
          expect([role, answer.status]).toEqual([role, 403]);
      }
    });

    it('should have no role that their issuer has not, nor come by one when an admin rotates them', async () => {
      const { status, body } = await acme.post(PATH, { name: 'n', roles: ['viewer', 'service'] });
      expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
      const both = service.with(
        await signToken({ tenant: 'acme-corp', claims: { roles: ['admin', 'service'] } }),
      );
      const { key_id: id } = await issue({ roles: ['service'] }, both);
      expect((await acme.post(`${PATH}/${id}/rotate`, {})).status).toBe(403);
      expect((await both.post(`${PATH}/${id}/rotate`, {})).status).toBe(200);
      expect((await acme.delete(`${PATH}/${id}`)).status).toBe(204);
    });

    it('should not be more than the tenant may have, not counting those that have ended', async () => {
      const small = await Service.start({ env: { MODELPLANE_API_KEYS_PER_TENANT: '2' } });
      try {
        const client = await small.as('acme-corp');
        const post = (): Promise<Answer> => client.post(PATH, { name: 'n', roles: ['viewer'] });
        const together = await Promise.all(Array.from({ length: 6 }, post));
        const made = together.filter(({ status }) => status === 201);
        expect(made).toHaveLength(2);
        const refused = together.find(({ status }) => status !== 201);
        expect([refused?.status, refused?.body.code]).toEqual([422, 'VALIDATION_ERROR']);
        expect((await (await small.as('globex')).post(PATH, { name: 'n', roles: ['viewer'] })).status).toBe(
          201,
        );
        await client.delete(`${PATH}/${made[0]?.body.key_id}`);
        expect((await post()).status).toBe(201);
        await small.database.query('update api_keys set expires_at = now()');
        expect((await post()).status).toBe(201);
      } finally {
        await small.stop();
      }
    });
  });

  describe('with an Idempotency-Key', () => {
    const kept = async (): Promise<string> =>
      JSON.stringify(await service.database.query('select * from idempotency_keys'));

    it('should be issued once, and be replayed without the key, which nothing keeps', async () => {
      const headers = { 'idempotency-key': 'issue-1' };
      const body = { name: 'once', roles: ['viewer'] };
      const first = await acme.post(PATH, body, headers);
      expect(first.body.key).toMatch(KEY);
      const again = await acme.post(PATH, body, headers);
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
      expect(again.body).toEqual({ ...first.body, key: null });
      expect(await kept()).not.toContain(first.body.key.slice(25));
      const named = (await acme.get(PATH)).body.data.filter(({ name }: Issued) => name === 'once');
      expect(named).toHaveLength(1);
    });

    it('should be rotated once', async () => {
      const { key_id: id } = await issue();
      const headers = { 'idempotency-key': 'rotate-1' };
      const first = await acme.post(`${PATH}/${id}/rotate`, {}, headers);
      const again = await acme.post(`${PATH}/${id}/rotate`, {}, headers);
      expect(again.body).toEqual({ ...first.body, key: null });
      expect((await withKey(first.body.key)).status).toBe(200);
      expect(await kept()).not.toContain(first.body.key.slice(25));
    });
  });

  describe('that sign in', () => {
    it('should be taken as a bearer token and in X-API-Key', async () => {
      const { key } = await issue({ roles: ['scientist'] });
      const ways: Record<string, string>[] = [
        { 'x-api-key': key },
        { authorization: `Bearer ${key}` },
        { authorization: `bearer ${key}` },
      ];
      for (const headers of ways)
        expect((await service.with(undefined).get(MODELS, headers)).status).toBe(200);
      const made = await service.with(key).post(MODELS, MODEL);
      expect([made.status, made.body.tenant_id]).toEqual([201, 'acme-corp']);
    });

    it('should act as themselves, for the tenant that issued them, with its quota', async () => {
      const { key, key_id: id } = await issue({ roles: ['admin'] });
      const inner = await issue({}, service.with(key));
      expect(inner.created_by).toBe(`key:${id}`);
      expect((await globex.get(`${PATH}/${inner.key_id}`)).status).toBe(404);
      expect((await withKey(key)).headers.get('ratelimit')).toMatch(/^"tenant"/);
    });

    it('should be allowed what their roles allow', async () => {
      const { key } = await issue({ roles: ['viewer'] });
      const viewer = service.with(key);
      expect((await viewer.get(MODELS)).status).toBe(200);
      expect((await viewer.post(MODELS, MODEL)).status).toBe(403);
      expect((await viewer.get(PATH)).status).toBe(403);
    });

    it('should be the only credential of a request', async () => {
      const { key } = await issue();
      const token = await signToken({ tenant: 'acme-corp' });
      const twice = [key, key] as unknown as string;
      const ways: Record<string, string>[] = [
        { authorization: `Bearer ${token}`, 'x-api-key': key },
        { authorization: `Bearer ${key}`, 'x-api-key': key },
        { 'x-api-key': twice },
      ];
      expect((await withKey(key)).status).toBe(200);
      expect((await service.with(token).get(MODELS)).status).toBe(200);
      for (const headers of ways) {
        const { status, body } = await sendRaw({ url: service.url, path: MODELS, headers });
        expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
      }
    });

    it.each([
      ['empty', ''],
      ['garbage', 'garbage'],
      ['the prefix alone', 'mp_'],
      ['of another alphabet', `mp_${'ä'.repeat(61)}`],
      ['all zeros', `mp_${'0'.repeat(61)}`],
      ['an id that is too large', `mp_${'z'.repeat(61)}`],
      ['very long', `mp_${'0'.repeat(5000)}`],
    ])('should be refused where they are no keys: %s', async (_, text) => {
      const headers = { 'x-api-key': Buffer.from(text).toString('latin1') };
      expectRefused(await sendRaw({ url: service.url, path: MODELS, headers }), /mistyped|required/);
    });

    it('should be refused where a character is wrong, or another in its place, wherever it is', async () => {
      const { key } = await issue();
      for (const at of [0, 3, 10, 30, key.length - 1]) {
        const other = key[at] === 'a' ? 'b' : 'a';
        expectRefused(await withKey(key.slice(0, at) + other + key.slice(at + 1)), /mistyped/);
      }
      expect((await withKey(key)).status).toBe(200);
    });

    it('should be refused alike where the secret is another one and where no such key is', async () => {
      const { key, key_id: id } = await issue();
      const other = await withKey(newApiKey(id, 'mp_'));
      const absent = await withKey(newApiKey(uuidv7(), 'mp_'));
      expectRefused(other, /not known/);
      expect(other.body.detail).toBe(absent.body.detail);
      expectRefused(await withKey(key.replace('mp_', 'mp_live_')), /mistyped/);
    });

    it('should not be a JSON Web Token in the header of keys', async () => {
      expectRefused(await withKey(await signToken({ tenant: 'acme-corp' })), /mistyped/);
    });

    it('should be counted where they are refused, by why', async () => {
      await withKey('nonsense');
      const text = await service.app.get(Metrics).text();
      expect(text).toMatch(/modelplane_api_keys_refused_total\{reason="malformed"\} [1-9]/);
    });

    it('should end when they expire', async () => {
      const end = Date.now() + 3600_000;
      const { key, expires_at: shown } = await issue({ expires_at: new Date(end).toISOString() });
      expect(shown).toBe(new Date(end).toISOString());
      expect((await withKey(key)).status).toBe(200);
      jest.spyOn(Date, 'now').mockReturnValue(end);
      for (let call = 0; call < 2; call++) expectRefused(await withKey(key), /expired/);
    });

    it('should take days for an end', async () => {
      const { expires_at: end, created_at: start } = await issue({ expires_in_days: 90 });
      const days = (Date.parse(end as string) - Date.parse(start as string)) / 86_400_000;
      expect(days).toBeCloseTo(90, 2);
    });

    it('should say when they were last used, once a minute', async () => {
      const { key, key_id: id } = await issue();
      await withKey(key);
      const seen = async (): Promise<string | null> =>
        (await acme.get(`${PATH}/${id}`)).body.last_used_at as string | null;
      while ((await seen()) === null) await sleep(100);
      const before = await seen();
      const keys = service.app.get(ApiKeysRepository, { strict: false });
      await keys.noteUse(new Map([[id, new Date(Date.parse(before!) + 59_000)]]));
      expect(await seen()).toBe(before);
      const later = new Date(Date.parse(before!) + 60_000);
      await keys.noteUse(new Map([[id, later]]));
      expect(await seen()).toBe(later.toISOString());
    });
  });

  describe('that are rotated', () => {
    it('should have another secret, and the old one no more', async () => {
      const { key, key_id: id, ...before } = await issue({ roles: ['predictor'], expires_in_days: 5 });
      expect((await withKey(key)).status).toBe(200);
      const { status, headers, body } = await acme.post(`${PATH}/${id}/rotate`, {});
      expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
      expect(body).toMatchObject({
        ...before,
        key_id: id,
        key: expect.stringMatching(KEY),
        last_four: body.key.slice(-4),
        rotated_at: expect.stringMatching(/Z$/),
        last_used_at: body.last_used_at,
      });
      expect(body.key).not.toBe(key);
      expect((await withKey(body.key)).status).toBe(200);
      expectRefused(await until(401, () => withKey(key)), /not known/);
    });

    it('should have both secrets for a while', async () => {
      const { key, key_id: id } = await issue();
      const { body } = await acme.post(`${PATH}/${id}/rotate`, { overlap_seconds: 3600 });
      const end = Date.parse(body.previous_until);
      expect(end - Date.parse(body.rotated_at)).toBe(3600_000);
      expect((await withKey(key)).status).toBe(200);
      expect((await withKey(body.key)).status).toBe(200);
      jest.spyOn(Date, 'now').mockReturnValue(end);
      expectRefused(await withKey(key), /replaced/);
      expect((await withKey(body.key)).status).toBe(200);
    });

    it('should have no more than two secrets at once', async () => {
      const { key: first, key_id: id } = await issue();
      const second = (await acme.post(`${PATH}/${id}/rotate`, { overlap_seconds: 86_400 })).body.key;
      expect((await withKey(first)).status).toBe(200);
      const third = (await acme.post(`${PATH}/${id}/rotate`, { overlap_seconds: 86_400 })).body.key;
      expectRefused(await until(401, () => withKey(first)), /not known/);
      for (const key of [second, third]) expect((await withKey(key)).status).toBe(200);
    });

    it('should each be the last where two rotate at once', async () => {
      const { key_id: id } = await issue();
      const rotate = (): Promise<Answer> => acme.post(`${PATH}/${id}/rotate`, { overlap_seconds: 60 });
      const keys = (await Promise.all([rotate(), rotate()])).map(({ body }) => body.key as string);
      for (const key of keys) expect((await withKey(key)).status).toBe(200);
    });

    it.each<[unknown, string]>([
      [-1, '/overlap_seconds'],
      [86_401, '/overlap_seconds'],
      [0.5, '/overlap_seconds'],
      ['60', '/overlap_seconds'],
      [null, '/overlap_seconds'],
    ])('should be refused with an overlap of %j', async (overlap_seconds, pointer) => {
      const { key_id: id } = await issue();
      const { status, body } = await acme.post(`${PATH}/${id}/rotate`, { overlap_seconds });
      expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
    });

    it('should be refused once they have ended', async () => {
      const revoked = await issue();
      await acme.delete(`${PATH}/${revoked.key_id}`);
      const expired = await issue();
      await service.database.query('update api_keys set expires_at = now() where id = $1', [expired.key_id]);
      for (const [{ key_id: id }, why] of [
        [revoked, 'was revoked'],
        [expired, 'expired'],
      ] as const) {
        const { status, body } = await acme.post(`${PATH}/${id}/rotate`, {});
        expect([status, body.code]).toEqual([422, 'VALIDATION_ERROR']);
        expect(body.detail).toContain(why);
      }
    });
  });

  describe('that are revoked', () => {
    it('should be refused, stay in the list, and may be revoked again', async () => {
      const { key, key_id: id } = await issue();
      expect((await withKey(key)).status).toBe(200);
      expect((await acme.delete(`${PATH}/${id}`)).status).toBe(204);
      expectRefused(await until(401, () => withKey(key)), /revoked/);
      const { revoked_at: at } = (await acme.get(`${PATH}/${id}`)).body;
      expect(at).toMatch(/Z$/);
      expect((await acme.delete(`${PATH}/${id}`)).status).toBe(204);
      expect((await acme.get(`${PATH}/${id}`)).body.revoked_at).toBe(at);
    });

    it('should be able to revoke themselves', async () => {
      const { key, key_id: id } = await issue({ roles: ['admin'] });
      expect((await service.with(key).delete(`${PATH}/${id}`)).status).toBe(204);
      expectRefused(await until(401, () => withKey(key)), /revoked/);
    });

    it('should end both of their secrets', async () => {
      const { key, key_id: id } = await issue();
      const { body } = await acme.post(`${PATH}/${id}/rotate`, { overlap_seconds: 600 });
      await acme.delete(`${PATH}/${id}`);
      for (const each of [key, body.key]) expectRefused(await until(401, () => withKey(each)), /revoked/);
    });
  });

  it.each(['x', 'mp_x', ABSENT, '%00', `${ABSENT}0`])('should not be found as %s', async (id) => {
    for (const answer of [
      await acme.get(`${PATH}/${id}`),
      await acme.post(`${PATH}/${id}/rotate`, {}),
      await acme.delete(`${PATH}/${id}`),
    ])
      expect([answer.status, answer.body.code]).toEqual([404, 'NOT_FOUND']);
  });

  describe('in several processes', () => {
    it('should be made, rotated and revoked for the others too', async () => {
      const other = await Service.start({ beside: service });
      try {
        const there = (key: string): Promise<Answer> =>
          other.with(undefined).get(MODELS, { 'x-api-key': key });
        const { key, key_id: id } = await issue();
        expect((await there(key)).status).toBe(200);
        const { body } = await acme.post(`${PATH}/${id}/rotate`, {});
        // At once, although the other process has kept the key as it was.
        expect((await there(body.key)).status).toBe(200);
        expectRefused(await until(401, () => there(key)), /not known/);
        await acme.delete(`${PATH}/${id}`);
        expectRefused(await until(401, () => there(body.key)), /revoked/);
      } finally {
        await other.stop();
      }
    });

    it('should go on in each while the database is away, and be unknown no sooner than it can be asked', async () => {
      const database = await TcpProxy.to(required('MODELPLANE_TEST_APP_URL'));
      const cut = await Service.start({
        beside: service,
        env: ({ systemUrl, appUrl }) => ({
          MODELPLANE_DATABASE_SYSTEM_URL: database.through(systemUrl),
          DATABASE_URL: database.through(appUrl),
        }),
      });
      try {
        const [known, unseen] = [await issue({ roles: ['viewer'] }), await issue()];
        // Forbidden says who calls, and asks no database.
        const call = ({ key }: Issued): Promise<Answer> =>
          cut.with(undefined).post(MODELS, MODEL, { 'x-api-key': key });
        expect((await call(known)).status).toBe(403);
        await database.cut();
        const { status, body } = await call(unseen);
        expect([status, body.code]).toEqual([503, 'DATABASE_UNAVAILABLE']);
        // Longer than the looks of a second are apart.
        for (const end = Date.now() + 2500; Date.now() < end; await sleep(100))
          expect((await call(known)).status).toBe(403);
        await database.restore();
        expect((await until(403, () => call(unseen))).status).toBe(403);
      } finally {
        await cut.stop();
        await database.cut();
      }
    });
  });

  it('should leave no trace of a secret in the log, whatever it says', async () => {
    const lines: string[] = [];
    const process = await ApiProcess.start(service, { MODELPLANE_LOG_LEVEL: 'debug' }, (line) =>
      lines.push(line),
    );
    const secrets: string[] = [];
    try {
      const { key, key_id: id } = await issue({ roles: ['admin'] });
      const token = await signToken({ tenant: 'acme-corp' });
      const call = (method: string, path: string, headers: Record<string, string>, body?: object) =>
        sendRaw({
          url: process.url,
          method,
          path,
          headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
          body: body && JSON.stringify(body),
        });
      const asKey = { 'x-api-key': key };
      const made = await call(
        'POST',
        PATH,
        { ...asKey, 'idempotency-key': 'log-1' },
        { name: 'n', roles: ['viewer'] },
      );
      const rotated = await call('POST', `${PATH}/${id}/rotate`, { authorization: `Bearer ${key}` }, {});
      const wrong = newApiKey(uuidv7(), 'mp_');
      await call('GET', MODELS, { 'x-api-key': wrong });
      await call('GET', `${MODELS}?key=${wrong}`, { authorization: `Bearer ${wrong}` });
      await call('GET', MODELS, { authorization: `Bearer ${token}`, 'x-api-key': key });
      // What fails is logged with its error.
      await service.database.query('alter table api_keys rename column name to renamed');
      const failed = await call(
        'POST',
        PATH,
        { 'x-api-key': rotated.body.key },
        { name: 'n', roles: ['viewer'] },
      );
      expect(failed.status).toBe(500);
      await service.database.query('alter table api_keys rename column renamed to name');
      secrets.push(key, made.body.key, rotated.body.key, wrong);
    } finally {
      await process.kill('SIGTERM');
    }
    expect(lines.some((line) => line.includes('"msg":"request failed"'))).toBe(true);
    expect(lines.filter((line) => line.includes('"msg":"request"')).length).toBeGreaterThan(4);
    const log = lines.join('\n');
    for (const key of secrets) {
      expect(key).toMatch(KEY);
      // A part of it, too, would be something to begin with.
      expect(log).not.toContain(key.slice(25, 37));
      expect(log).not.toContain(key.slice(-12));
    }
  });
});
