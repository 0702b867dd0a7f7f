import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Module } from '@nestjs/common';
import { CompactSign, exportJWK, type JWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { ConfigModule } from '../src/config/config.module.js';
import { loadConfig } from '../src/config/index.js';
import { Access } from '../src/platform/auth/access.decorator.js';
import { AuthModule } from '../src/platform/auth/auth.module.js';
import { ChangesModule } from '../src/platform/changes/changes.module.js';
import { DatabaseModule } from '../src/platform/database/database.module.js';
import { createServer as createService } from '../src/platform/http/server.js';
import { DirectRoutesModule } from '../src/platform/http/direct-routes.module.js';
import { SurfacesModule } from '../src/platform/http/surfaces.module.js';
import { LoadModule } from '../src/platform/load/load.module.js';
import { ObservabilityModule } from '../src/platform/observability/observability.module.js';
import { TasksModule } from '../src/platform/tasks/tasks.module.js';
import { StorageModule } from '../src/platform/storage/storage.module.js';
import { TimersModule } from '../src/platform/timers/timers.module.js';
import { UsageModule } from '../src/platform/usage/usage.module.js';
import type { Answer } from './support/client.js';
import { cloneDatabase, type TestDatabase } from './support/database.js';
import { sendRaw } from './support/raw-request.js';
import { environmentFor, Service } from './support/service.js';
import { JWT_SECRET, signToken, type TestRole } from './support/tokens.js';

const ABSENT = '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e';
const now = (): number => Math.floor(Date.now() / 1000);

function expectUnauthorized({ status, headers, body }: Answer): void {
  expect(status).toBe(401);
  expect(headers.get('www-authenticate')).toMatch(/^Bearer /);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(body).toEqual({
    type: 'about:blank',
    title: 'Invalid token',
    status: 401,
    code: 'UNAUTHORIZED',
    detail: expect.any(String),
    request_id: expect.stringMatching(/^req-/),
  });
}

describe('bearer tokens with a shared secret', () => {
  let service: Service;

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_JWT_CLOCK_TOLERANCE_SECONDS: '0' } });
  });
  afterAll(() => service?.stop());

  const call = (token: string | undefined): Promise<Answer> => service.with(token).get('/api/v1/models');
  const signed = (claims: JWTPayload): Promise<string> => signToken({ tenant: 'acme-corp', claims });

  it('should let a valid token through', async () => {
    expect((await call(await signed({}))).status).toBe(200);
  });

  it('should refuse a request without a token', async () => {
    expectUnauthorized(await call(undefined));
  });

  it.each(['garbage', 'a.b.c', '..', '', 'null', 'e30.e30.e30', `${'a'.repeat(10_000)}.b.c`])(
    'should refuse the token %j',
    async (token) => expectUnauthorized(await service.with(token || ' ').get('/api/v1/models')),
  );

  it('should refuse other schemes, and a token that is not in the header', async () => {
    const token = await signed({});
    const client = service.with(undefined);
    for (const authorization of [token, `Basic ${token}`, `Bearer`, `Bearer ${token},`]) {
      expectUnauthorized(await client.get('/api/v1/models', { authorization }));
    }
    expectUnauthorized(await client.get('/api/v1/models', { cookie: `token=${token}`, 'x-api-key': token }));
  });

  it('should take the name of the scheme in any case', async () => {
    const authorization = `bearer ${await signed({})}`;
    expect((await service.with(undefined).get('/api/v1/models', { authorization })).status).toBe(200);
  });

  it('should refuse a token that nobody signed', async () => {
    const claims = { tenant_id: 'acme-corp', roles: ['admin'], exp: now() + 3600 };
    expectUnauthorized(await call(new UnsecuredJWT(claims).encode()));
    const [, payload] = (await signed({})).split('.');
    for (const alg of ['none', 'None', 'NONE', '']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: 'JWT' })).toString('base64url');
      expectUnauthorized(await call(`${header}.${payload}.`));
    }
  });

  it('should refuse a token of another secret, another algorithm, or changed after it was signed', async () => {
    expectUnauthorized(await call(await signToken({ tenant: 'acme-corp', secret: `${JWT_SECRET}!` })));
    const claims = { tenant_id: 'acme-corp', roles: ['admin'], exp: now() + 3600 };
    const key = Buffer.from(JWT_SECRET.repeat(2));
    for (const alg of ['HS384', 'HS512']) {
      expectUnauthorized(await call(await new SignJWT(claims).setProtectedHeader({ alg }).sign(key)));
    }
    const [header, , signature] = (await signed({})).split('.');
    const payload = Buffer.from(JSON.stringify({ ...claims, tenant_id: 'globex' })).toString('base64url');
    expectUnauthorized(await call(`${header}.${payload}.${signature}`));
  });

  it('should refuse a token signed with a key that it brings along', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = (await exportJWK(publicKey)) as never;
    const claims = { tenant_id: 'acme-corp', roles: ['admin'], exp: now() + 3600 };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', jwk }).sign(privateKey);
    expectUnauthorized(await call(token));
  });

  it.each<[string, () => JWTPayload]>([
    ['has expired', () => ({ exp: now() - 1 })],
    ['expires now', () => ({ exp: now() })],
    ['is not valid yet', () => ({ nbf: now() + 3600 })],
    ['never expires', () => ({ exp: undefined })],
    ['expires at a text', () => ({ exp: 'tomorrow' as never })],
    ['names no tenant', () => ({ tenant_id: undefined })],
    ['names an empty tenant', () => ({ tenant_id: '' })],
    ['names a tenant in capitals', () => ({ tenant_id: 'Acme' })],
    ['names a tenant with a path', () => ({ tenant_id: '../acme-corp' })],
    ['names a tenant with a slash', () => ({ tenant_id: 'acme/corp' })],
    ['names a tenant with a line feed', () => ({ tenant_id: 'acme-corp\n' })],
    ['names a tenant of 64 characters', () => ({ tenant_id: 'a'.repeat(64) })],
    ['names a list of tenants', () => ({ tenant_id: ['acme-corp'] })],
    ['names a number as tenant', () => ({ tenant_id: 1 })],
    ['expires in milliseconds', () => ({ exp: (now() + 3600) * 1000 })],
    ['has a number as subject', () => ({ sub: 7 as never })],
    ['has null as subject', () => ({ sub: null as never })],
    ['has an object as subject', () => ({ sub: { id: 'ana' } as never })],
    ['has the subject of an API key', () => ({ sub: `key:${ABSENT}` })],
  ])('should refuse a token that %s', async (_, claims) => {
    expectUnauthorized(await call(await signed(claims())));
  });

  it('should refuse a token that expires at no finite number, and say so', async () => {
    const payload = Buffer.from('{"sub":"ana","tenant_id":"acme-corp","roles":["admin"],"exp":1e400}');
    const token = await new CompactSign(payload)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(JWT_SECRET));
    const answer = await call(token);
    expectUnauthorized(answer);
    expect(answer.body.detail).toContain('claim "exp" must be seconds since 1970');
  });

  it('should name what is wrong with the subject', async () => {
    expect((await call(await signed({ sub: 7 as never }))).body.detail).toContain('claim "sub" is no text');
    expect((await call(await signed({ sub: undefined }))).status).toBe(200);
  });

  it('should take neither of two Authorization headers, known or not, in either order', async () => {
    const token = await signed({});
    expect((await call(token)).status).toBe(200);
    for (const two of [
      [`Bearer ${token}`, `Bearer ${token}`],
      [`Bearer ${token}`, 'Bearer other'],
      ['Basic x', `Bearer ${token}`],
    ]) {
      const headers = { authorization: two as unknown as string };
      const { status, body } = await sendRaw({ url: service.url, path: '/api/v1/models', headers });
      expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
      expect(body.detail).toContain('one credential');
    }
    expect((await call(token)).status).toBe(200);
  });

  it('should not say which of two wrong tokens has the right signature of a tenant that exists', async () => {
    const answers = await Promise.all(
      ['acme-corp', 'no-such-tenant'].map(async (tenant) =>
        call(await signToken({ tenant, secret: 'x'.repeat(32) })),
      ),
    );
    expect(answers[0]?.body.detail).toBe(answers[1]?.body.detail);
  });

  it.each<[string, JWTPayload]>([
    ['no role', { roles: undefined }],
    ['an empty list of roles', { roles: [] }],
    ['an unknown role', { roles: ['owner'] }],
    ['a role in capitals', { roles: ['ADMIN'] }],
    ['an inherited role', { roles: ['constructor'] }],
    ['an object as role', { roles: { admin: true } as never }],
    ['the role in a claim that is not looked at', { roles: undefined, role: 'admin' }],
  ])('should forbid everything to a token with %s', async (_, claims) => {
    const { status, body } = await call(await signed(claims));
    expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
  });

  it('should take one role that is not in a list, and the most of several', async () => {
    expect((await call(await signed({ roles: 'viewer' }))).status).toBe(200);
    const both = service.with(await signed({ roles: ['viewer', 'owner', 'admin'] }));
    expect((await both.delete(`/api/v1/models/${ABSENT}`)).status).toBe(404);
  });

  describe('roles', () => {
    const order: TestRole[] = ['viewer', 'predictor', 'scientist', 'admin'];
    // What is missing or refused on the far side of the guard proves that the caller got through.
    const routes: [string, string, TestRole, number][] = [
      ['GET', '/api/v1/models', 'viewer', 200],
      ['GET', `/api/v1/models/${ABSENT}/history`, 'viewer', 404],
      ['GET', '/api/v1/training', 'viewer', 200],
      ['GET', `/api/v1/objects?prefix=s3://data/`, 'scientist', 200],
      ['GET', `/api/v1/objects/data/absent`, 'scientist', 404],
      ['GET', `/api/v1/models/${ABSENT}/versions/1.0.0/artifact`, 'scientist', 404],
      ['GET', `/api/v1/jobs/train-${ABSENT}`, 'scientist', 404],
      ['POST', '/api/v1/predictions', 'predictor', 400],
      ['POST', '/api/v1/models', 'scientist', 400],
      ['PATCH', `/api/v1/models/${ABSENT}`, 'scientist', 404],
      ['PUT', `/api/v1/models/${ABSENT}/stage`, 'scientist', 400],
      ['POST', '/api/v1/training', 'scientist', 400],
      ['DELETE', `/api/v1/training/train-${ABSENT}`, 'scientist', 404],
      ['DELETE', '/api/v1/objects/data/absent', 'scientist', 204],
      ['DELETE', `/api/v1/models/${ABSENT}`, 'admin', 404],
    ];

    it.each(routes)('%s %s should be for %s and above', async (method, path, least, through) => {
      for (const role of [...order, 'service' as const]) {
        const client = await service.as('acme-corp', role);
        const { status, body } = await client.send(
          method,
          path,
          method === 'GET' || method === 'DELETE' ? undefined : {},
        );
        const reaches = order.indexOf(role) >= order.indexOf(least);
        expect([role, status]).toEqual([role, reaches ? through : 403]);
        if (!reaches) expect(body).toMatchObject({ code: 'FORBIDDEN', request_id: expect.any(String) });
      }
    });

    it('should let readers of objects be whom the configuration says', async () => {
      const other = await Service.start({
        beside: service,
        env: { MODELPLANE_OBJECT_READER_ROLE: 'predictor' },
      });
      try {
        const readings: [string, string, object?][] = [
          ['GET', '/api/v1/objects?prefix=s3://data/'],
          ['GET', '/api/v1/objects/data/absent'],
          ['GET', `/api/v1/models/${ABSENT}/versions/1.0.0/artifact`],
          ['POST', '/api/v1/objects/presign', { uri: 's3://data/a', method: 'GET' }],
        ];
        for (const [method, path, body] of readings) {
          expect((await (await other.as('acme-corp', 'viewer')).send(method, path, body)).status).toBe(403);
          const predictor = await other.as('acme-corp', 'predictor');
          expect([200, 404]).toContain((await predictor.send(method, path, body)).status);
        }
        const predictor = await other.as('acme-corp', 'predictor');
        const upload = await predictor.post('/api/v1/objects/presign', { uri: 's3://data/a', method: 'PUT' });
        expect(upload.status).toBe(403);
      } finally {
        await other.stop();
      }
    });
  });

  it('should end a token that it has seen before when it expires', async () => {
    const exp = now() + 3;
    const token = await signed({ exp });
    expect((await call(token)).status).toBe(200);
    expect((await call(token)).status).toBe(200);
    await sleep(exp * 1000 - Date.now() + 5);
    expectUnauthorized(await call(token));
  });

  it('should not take a verified token for another one', async () => {
    const token = await signed({});
    expect((await call(token)).status).toBe(200);
    for (const other of [token.slice(0, -1), `${token}A`, token.replace(/^./, 'f'), token.toUpperCase()]) {
      expectUnauthorized(await call(other));
    }
  });
});

describe('bearer tokens of an identity provider with settings of its own', () => {
  let service: Service;

  beforeAll(async () => {
    service = await Service.start({
      env: {
        MODELPLANE_JWT_ISSUER: 'https://id.example',
        MODELPLANE_JWT_AUDIENCE: 'modelplane',
        MODELPLANE_JWT_TENANT_CLAIM: 'https://id.example/org',
        MODELPLANE_JWT_ROLES_CLAIM: 'groups',
        MODELPLANE_JWT_CLOCK_TOLERANCE_SECONDS: '60',
      },
    });
  });
  afterAll(() => service?.stop());

  const claims = {
    iss: 'https://id.example',
    aud: ['modelplane', 'other'],
    'https://id.example/org': 'acme-corp',
    groups: ['staff', 'admin'],
    tenant_id: undefined,
    roles: undefined,
  };
  const call = async (change: JWTPayload): Promise<Answer> =>
    service.with(await signToken({ tenant: 'x', claims: { ...claims, ...change } })).post('/api/v1/models', {
      name: `by ${JSON.stringify(change).replaceAll(/\W/g, '')}`,
      model_type: 'regression',
      framework: 'onnx',
    });

  it('should read tenant and roles where they are', async () => {
    const { status, body } = await call({});
    expect([status, body.tenant_id]).toEqual([201, 'acme-corp']);
  });

  it('should not look where they usually are', async () => {
    expect((await call({ tenant_id: 'globex' })).body.tenant_id).toBe('acme-corp');
    expectUnauthorized(await call({ 'https://id.example/org': undefined, tenant_id: 'globex' }));
    expect((await call({ groups: ['staff'], roles: ['admin'] })).status).toBe(403);
  });

  it.each<[string, JWTPayload]>([
    ['another issuer', { iss: 'https://id.example.evil' }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'other' }],
    ['no audience', { aud: undefined }],
  ])('should refuse %s', async (_, change) => expectUnauthorized(await call(change)));

  it('should forgive clocks that differ by less than the tolerance', async () => {
    expect((await call({ exp: now() - 20 })).status).toBe(201);
    expect((await call({ nbf: now() + 20 })).status).toBe(201);
    expectUnauthorized(await call({ exp: now() - 90 }));
    expectUnauthorized(await call({ nbf: now() + 90 }));
  });
});

describe('bearer tokens with a JWKS', () => {
  const pairs = {
    RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: generateKeyPairSync('ed25519'),
    ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  };
  type Algorithm = keyof typeof pairs;

  let provider: Server;
  let service: Service;
  let keys: JWK[];

  const published = async (key: KeyObject, alg: string, kid: string): Promise<JWK> => ({
    ...(await exportJWK(key)),
    alg,
    kid,
    use: 'sig',
  });
  const signedBy = (key: KeyObject | Uint8Array, alg: string, kid: string): Promise<string> =>
    new SignJWT({ tenant_id: 'acme-corp', roles: ['viewer'] })
      .setProtectedHeader({ alg, kid })
      .setExpirationTime('1h')
      .sign(key);
  const call = (token: string): Promise<Answer> => service.with(token).get('/api/v1/models');

  beforeAll(async () => {
    keys = await Promise.all(
      Object.entries(pairs).map(([alg, { publicKey }]) => published(publicKey, alg, `key of ${alg}`)),
    );
    provider = createServer((_, response) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys })),
    );
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    const { port } = provider.address() as AddressInfo;
    service = await Service.start({
      env: { MODELPLANE_JWT_SECRET: '', MODELPLANE_JWT_JWKS_URL: `http://127.0.0.1:${port}/jwks.json` },
    });
  });
  afterAll(async () => {
    await service?.stop();
    provider.closeAllConnections();
    await new Promise((resolve) => provider.close(resolve));
  });
  afterEach(() => jest.restoreAllMocks());

  it.each<Algorithm>(['RS256', 'ES256', 'EdDSA'])('should take %s', async (alg) => {
    expect((await call(await signedBy(pairs[alg].privateKey, alg, `key of ${alg}`))).status).toBe(200);
  });

  it.each<[string, Algorithm]>([
    ['ES384', 'ES384'],
    ['PS256', 'RS256'],
    ['RS512', 'RS256'],
  ])('should refuse %s, although its key is published', async (alg, owner) => {
    expectUnauthorized(await call(await signedBy(pairs[owner].privateKey, alg, `key of ${owner}`)));
  });

  it('should refuse a token signed with HS256 and a public key as the secret', async () => {
    const { publicKey } = pairs.RS256;
    const secrets = [
      publicKey.export({ type: 'spki', format: 'pem' }),
      (publicKey.export({ type: 'spki', format: 'pem' }) as string).trim(),
      publicKey.export({ type: 'pkcs1', format: 'pem' }),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(keys[0]),
      keys[0]?.n ?? '',
      Buffer.from(keys[0]?.n ?? '', 'base64url'),
    ];
    for (const secret of secrets) {
      expectUnauthorized(await call(await signedBy(Buffer.from(secret), 'HS256', 'key of RS256')));
    }
  });

  it('should refuse HS256 with the secret of the tests, an unknown key and a key of another kid', async () => {
    expectUnauthorized(await call(await signToken({ tenant: 'acme-corp' })));
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expectUnauthorized(await call(await signedBy(stranger.privateKey, 'ES256', 'key of ES256')));
    expectUnauthorized(await call(await signedBy(stranger.privateKey, 'ES256', 'unknown')));
    expectUnauthorized(await call(await signedBy(pairs.ES256.privateKey, 'ES256', 'key of RS256')));
  });

  it('should take a key that the provider has added since, and no more one that it has withdrawn', async () => {
    const added = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const token = await signedBy(added.privateKey, 'ES256', 'added');
    expect((await call(await signedBy(pairs.ES256.privateKey, 'ES256', 'key of ES256'))).status).toBe(200);

    keys = [await published(added.publicKey, 'ES256', 'added')];
    // The provider is asked again for an unknown key at most every ten seconds.
    const time = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(time + 11_000);
    expect((await call(token)).status).toBe(200);
    const withdrawn = await new SignJWT({ tenant_id: 'globex', roles: ['viewer'] })
      .setProtectedHeader({ alg: 'ES256', kid: 'key of ES256' })
      .setExpirationTime('1h')
      .sign(pairs.ES256.privateKey);
    expectUnauthorized(await call(withdrawn));
  });
});

describe('an identity provider that is away', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  let provider: Server;
  let answer: (response: ServerResponse) => void;
  let service: Service;

  const signed = (key: KeyObject, kid: string, tenant: string): Promise<string> =>
    new SignJWT({ tenant_id: tenant, roles: ['viewer'] })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setExpirationTime('1h')
      .sign(key);
  const call = (token: string): Promise<Answer> => service.with(token).get('/api/v1/models');
  const publish = (jwk: JWK) => (response: ServerResponse) =>
    void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));

  function expectAway({ status, headers, body }: Answer): void {
    expect([status, body.code, headers.get('retry-after')]).toEqual([503, 'AUTH_UNAVAILABLE', '5']);
    expect(headers.has('www-authenticate')).toBe(false);
  }

  beforeAll(async () => {
    provider = createServer((_, response) => answer(response));
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    const { port } = provider.address() as AddressInfo;
    service = await Service.start({
      env: { MODELPLANE_JWT_SECRET: '', MODELPLANE_JWT_JWKS_URL: `http://127.0.0.1:${port}/jwks.json` },
    });
  });
  afterAll(async () => {
    await service?.stop();
    provider.closeAllConnections();
    await new Promise((resolve) => provider.close(resolve));
  });
  afterEach(() => jest.restoreAllMocks());

  it.each<[string, (response: ServerResponse) => void]>([
    ['hangs up', (response) => response.destroy()],
    ['never answers', () => undefined],
    ['fails', (response) => void response.writeHead(500).end()],
    ['sends a page', (response) => void response.setHeader('content-type', 'text/html').end('<html>')],
    ['sends no keys', (response) => void response.setHeader('content-type', 'application/json').end('{}')],
  ])('should be what 503 says while it %s, and no fault of the token', async (_, does) => {
    answer = does;
    expectAway(await call(await signed(privateKey, 'first', 'acme-corp')));
  });

  it('should be no way around what a token has to be', async () => {
    answer = (response) => response.destroy();
    for (const token of ['garbage', await signToken({ tenant: 'acme-corp' })]) {
      expectUnauthorized(await call(token));
    }
  });

  it('should be forgotten once it is back, and its keys go on when it is away again', async () => {
    answer = publish({ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'first' });
    expect((await call(await signed(privateKey, 'first', 'acme-corp'))).status).toBe(200);

    answer = (response) => response.destroy();
    const time = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(time + 20 * 60_000);
    // A token that was never seen, after the keys have become old.
    expect((await call(await signed(privateKey, 'first', 'globex'))).status).toBe(200);
    expectUnauthorized(await call(await signed(other.privateKey, 'first', 'globex')));
    expectAway(await call(await signed(other.privateKey, 'second', 'globex')));
  });

  it.each(['../../../dev/null', "first' or '1'='1", '__proto__', '\u0000', 'http://127.0.0.1/key', ''])(
    'should not be looked for elsewhere because of the kid %j',
    async (kid) => {
      answer = publish({ ...(await exportJWK(publicKey)), alg: 'ES256', kid: 'first' });
      const time = Date.now();
      jest.spyOn(Date, 'now').mockReturnValue(time + 40 * 60_000);
      expectUnauthorized(await call(await signed(other.privateKey, kid, 'acme-corp')));
    },
  );
});

describe('the start of a process', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await cloneDatabase();
  });
  afterAll(() => database?.drop());

  async function start(controller: new () => unknown): Promise<number> {
    const config = loadConfig(environmentFor(database, '/not-used'));
    @Module({
      imports: [
        ConfigModule.with(config),
        ObservabilityModule,
        TimersModule,
        DatabaseModule,
        TasksModule,
        ChangesModule,
        LoadModule,
        SurfacesModule,
        AuthModule,
        DirectRoutesModule,
        StorageModule,
        UsageModule,
      ],
      controllers: [controller],
    })
    class Root {}
    const app = await createService(Root, config);
    try {
      await app.listen(0, '127.0.0.1');
      return (await fetch(`${await app.getUrl()}/api/v1/open`)).status;
    } finally {
      await app.close();
    }
  }

  it('should fail where a route says not who may call it, and name the route', async () => {
    @Controller('api/v1/open')
    class Forgetful {
      @Access('public')
      @Get('declared')
      declared(): string {
        return 'yes';
      }

      @Get()
      forgotten(): string {
        return 'open to all';
      }
    }
    await expect(start(Forgetful)).rejects.toThrow('routes without an access rule: Forgetful.forgotten');
  });

  it('should fail where a route asks for a role and nobody can sign in', async () => {
    @Access('viewer')
    @Controller('healthcheck/inner')
    class Unreachable {
      @Get('state')
      state(): string {
        return 'for nobody';
      }
    }
    await expect(start(Unreachable)).rejects.toThrow(
      'routes with a role where nobody signs in: Unreachable.state',
    );
  });

  it('should fail where a route lies in no surface, and name the route', async () => {
    @Access('public')
    @Controller('elsewhere')
    class Outside {
      @Get('x')
      x(): string {
        return 'lost';
      }
    }
    await expect(start(Outside)).rejects.toThrow('the route GET /elsewhere/x lies in no surface');
  });

  it('should succeed where the route or its controller says so', async () => {
    @Controller('api/v1/open')
    class OfRoute {
      @Access('public')
      @Get()
      open(): string {
        return 'yes';
      }
    }
    @Access('viewer')
    @Controller('api/v1/open')
    class OfController {
      @Get()
      open(): string {
        return 'yes';
      }
    }
    expect(await start(OfRoute)).toBe(200);
    expect(await start(OfController)).toBe(401);
  });
});
