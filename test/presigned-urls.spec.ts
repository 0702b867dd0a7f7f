import type { Answer, Client } from './support/client.js';
import { sendRaw } from './support/raw-request.js';
import { onS3 } from './support/s3.js';
import { Service } from './support/service.js';
import { JWT_SECRET, signToken } from './support/tokens.js';
import { SignedUrls } from '../src/platform/storage/signed-urls.js';
import { StorageRecount } from '../src/platform/storage/storage-recount.js';
import { AuthConfig, StorageConfig } from '../src/config/index.js';

const PRESIGN = '/api/v1/objects/presign';
const URI = 's3://data/large files/ü (1).bin';
const CONTENT = 'presigned';

describe.each([
  ['a folder', () => ({})],
  ['an S3 server', onS3],
])('presigned URLs of %s', (_, settings) => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({ env: { ...settings(), MODELPLANE_MAX_PRESIGN_SECONDS: '3600' } });
    acme = await service.as('acme-corp', 'scientist');
  });
  afterAll(() => service?.stop());

  const presign = async (body: object): Promise<string> => (await acme.post(PRESIGN, body)).body.url;
  const code = ({ status, body }: Answer) => [status, body.code];

  it('should upload and download without a token', async () => {
    const put = await acme.post(PRESIGN, { uri: URI, method: 'PUT', expires_in_seconds: 600 });
    expect(put.status).toBe(200);
    expect(put.body).toMatchObject({ uri: URI, method: 'PUT' });
    const left = new Date(put.body.expires_at).getTime() - Date.now();
    expect(left > 590_000 && left <= 600_000).toBe(true);

    expect((await fetch(put.body.url, { method: 'PUT', body: CONTENT })).status).toBe(200);
    // What went past the service is counted when it is next looked for.
    await service.app.get(StorageRecount, { strict: false }).arrivals();
    expect((await acme.get('/api/v1/me')).body.storage.object_bytes).toBe(CONTENT.length);
    const get = await presign({ uri: URI, method: 'GET' });
    const answer = await fetch(get);
    expect([answer.status, await answer.text()]).toEqual([200, CONTENT]);
    const part = await fetch(get, { headers: { range: 'bytes=3-5' } });
    expect([part.status, await part.text()]).toEqual([206, CONTENT.slice(3, 6)]);
    expect((await acme.get('/api/v1/objects?prefix=s3://data/')).body.data[0].uri).toBe(URI);
  });

  it('should do nothing else: no other method, object or end', async () => {
    const get = await presign({ uri: URI, method: 'GET' });
    const put = await presign({ uri: URI, method: 'PUT' });
    const changed = new URL(get);
    for (const name of ['expires', 'X-Amz-Expires']) {
      if (changed.searchParams.has(name)) changed.searchParams.set(name, '3599999999');
    }
    const refused = [
      fetch(get, { method: 'PUT', body: 'over' }),
      fetch(put),
      fetch(get.replace('large', 'small')),
      fetch(changed),
      fetch(get.replace(/(Signature|signature)=[^&]+/, '$1=AAAA')),
    ];
    for (const { status } of await Promise.all(refused)) expect([400, 403]).toContain(status);
    expect((await fetch(get.slice(0, get.indexOf('?')))).status).toBeGreaterThanOrEqual(400);
    expect(await (await fetch(get)).text()).toBe(CONTENT);
  });

  it('should end with their time', async () => {
    const url = await presign({ uri: URI, method: 'GET', expires_in_seconds: 1 });
    let status = 0;
    for (let tries = 0; tries < 100 && status !== 403; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      ({ status } = await fetch(url));
    }
    expect(status).toBe(403);
  });

  it('should be made for whom the object is, and for uploads only for a scientist', async () => {
    for (const role of ['viewer', 'predictor'] as const) {
      const reader = await service.as('acme-corp', role);
      for (const method of ['GET', 'PUT'])
        expect(code(await reader.post(PRESIGN, { uri: URI, method }))).toEqual([403, 'FORBIDDEN']);
    }
    const scientist = await service.as('acme-corp', 'scientist');
    expect((await scientist.post(PRESIGN, { uri: URI, method: 'PUT' })).status).toBe(200);
    const globex = await service.as('globex');
    for (const uri of [URI, 's3://tenants/acme-corp/a', 's3://modelplane/globex/a']) {
      expect(code(await globex.post(PRESIGN, { uri, method: 'GET' }))).toEqual([403, 'FORBIDDEN']);
    }
    expect((await globex.post(PRESIGN, { uri: 's3://tenants/globex/a', method: 'PUT' })).status).toBe(200);
    expect((await service.with(undefined).post(PRESIGN, { uri: URI, method: 'GET' })).status).toBe(401);
  });

  it.each<[object, string]>([
    [{ uri: URI }, '/method'],
    [{ uri: URI, method: 'DELETE' }, '/method'],
    [{ uri: URI, method: 'GET', expires_in_seconds: 0 }, '/expires_in_seconds'],
    [{ uri: URI, method: 'GET', expires_in_seconds: 3601 }, '/expires_in_seconds'],
    [{ uri: URI, method: 'GET', expires_in_seconds: 1.5 }, '/expires_in_seconds'],
    [{ uri: URI, method: 'GET', expires_in_seconds: null }, '/expires_in_seconds'],
    [{ uri: 1, method: 'GET' }, '/uri'],
    [{ uri: URI, method: 'GET', tenant: 'globex' }, '/tenant'],
  ])('should refuse %j', async (body, pointer) => {
    const answer = await acme.post(PRESIGN, body);
    expect(code(answer)).toEqual([400, 'INVALID_REQUEST']);
    const pointers = answer.body.errors.map((error: { pointer: string }) => error.pointer);
    expect(new Set(pointers)).toEqual(new Set([pointer]));
  });

  it.each(['s3://data/../modelplane/x', 's3://data/', 'data/x', 's3://data/a//b'])(
    'should refuse the address %s',
    async (uri) => {
      expect(code(await acme.post(PRESIGN, { uri, method: 'GET' }))).toEqual([400, 'INVALID_REQUEST']);
    },
  );
});

describe('a URL that the service has signed itself', () => {
  let service: Service;
  const SIGNED = '/api/v1/signed-objects';

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_MAX_OBJECT_BYTES: '1024' } });
  });
  afterAll(() => service?.stop());

  const signer = (secret = JWT_SECRET) =>
    new SignedUrls(new StorageConfig(), Object.assign(new AuthConfig(), { secret }));
  const address = { bucket: 'data', key: 'a' };
  const soon = () => Math.floor(Date.now() / 1000) + 60;
  const send = (path: string, method = 'GET', body?: string) =>
    sendRaw({ url: service.url, path, method, body });

  it('should lead to where its maker was connected, whatever host its request has named', async () => {
    const authorization = `Bearer ${await signToken({ tenant: 'acme-corp' })}`;
    const forwarded = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' };
    for (const names of [{ host: 'localhost:1' }, forwarded] as Record<string, string>[]) {
      const headers = { authorization, 'content-type': 'application/json', ...names };
      const body = JSON.stringify({ uri: 's3://data/a', method: 'GET' });
      const answer = await sendRaw({ url: service.url, method: 'POST', path: PRESIGN, headers, body });
      expect(new URL(answer.body.url).origin).toBe(service.url);
    }
  });

  it('should be worth nothing signed with another secret, or once the grant is gone', async () => {
    const forged = signer('y'.repeat(40)).sign('acme-corp', 'PUT', address, soon());
    expect((await send(forged, 'PUT', 'x')).status).toBe(403);
    // As it was signed before the configuration took s3://data/ from globex.
    const revoked = signer().sign('globex', 'PUT', address, soon());
    expect((await send(revoked, 'PUT', 'x')).body.detail).toMatch(/outside of what globex may use/);
    const own = signer().sign('acme-corp', 'PUT', address, soon());
    expect((await send(own, 'PUT', 'x')).status).toBe(200);
    expect((await send(own, 'PUT', 'x'.repeat(1025))).status).toBe(413);
  });

  it('should hold for its tenant and path alone, however they are spelled', async () => {
    const good = signer().sign('acme-corp', 'GET', address, soon());
    expect((await send(good)).status).toBe(200);
    for (const bad of [
      good.replace('tenant=acme-corp', 'tenant=globex'),
      good.replace('/data/a', '/data/x/../a'),
      good.replace('/data/a', '/data/%2e%2e/data/a'),
      `${good}&tenant=globex`,
      `${good}&expires=9999999999`,
      good.replace(/expires=\d+/, 'expires=9e9'),
      `${good}&more=1`,
      `${SIGNED}/data/a`,
    ]) {
      const { status } = await send(bad);
      expect([bad, status === 400 || status === 403 || status === 404]).toEqual([bad, true]);
    }
  });

  it('should say when it ended', async () => {
    const ended = signer().sign('acme-corp', 'GET', address, 1_700_000_000);
    expect((await send(ended)).body.detail).toBe(
      'The URL expired at 2023-11-14T22:13:20.000Z; ask for a new one.',
    );
  });
});
