import type { Answer, Client } from './support/client.js';
import { type RawRequest, sendRaw } from './support/raw-request.js';
import { Service } from './support/service.js';
import { signToken } from './support/tokens.js';

const JSON_TYPE = { 'content-type': 'application/json' };

/** What reaches a handler in one spelling and its guard in none: the advisories of Fastify and its plugins of 2026. */
describe('requests that are spelled in other ways', () => {
  let service: Service;
  let acme: Client;
  let authorization: string;

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_PUBLIC_URL: 'https://models.example.com' } });
    acme = await service.as('acme-corp');
    authorization = `Bearer ${await signToken({ tenant: 'acme-corp' })}`;
  });
  afterAll(() => service?.stop());

  const send = (request: Omit<RawRequest, 'url'>): Promise<Answer> =>
    sendRaw({ url: service.url, ...request });

  describe('in their path', () => {
    it.each([
      '//api/v1/models',
      '/api//v1/models',
      '/api/v1//models',
      '///api///v1///models',
      '/./api/v1/models',
      '/api/v1/./models',
      '/api/v1/%2e/models',
      '/docs/../api/v1/models',
      '/docs/%2e%2e/api/v1/models',
      '/healthcheck/../api/v1/models',
      '/healthcheck/..;/api/v1/models',
      '/metrics/..%2fapi/v1/models',
      '/api%2Fv1%2Fmodels',
      '/api/v1%2fmodels',
      '/%61pi/v1/models',
      '/api%252fv1/models',
      '/api\\v1\\models',
      '/api/v1%5cmodels',
      '/api/v1/models;a=b',
      '/api/v1;/models',
      '/api/v1/models.',
      '/api/v1/models..',
      '/api/v1/models.json',
      '/api/v1/models%20',
      '/api/v1/models%09',
      '/api/v1/models%00',
      '/api/v1/models%00.css',
      '/api/v1/models%0a',
      '/api/v1/models%3f',
      '/api/v1/models%23',
      '/api/v1/models#/docs',
      '/API/V1/MODELS',
      '/api/v1/Models',
      '/api/v1/models/',
      '/api/v1/models//',
      'http://localhost/api/v1/models',
      'http://localhost//api/v1/models',
    ])('should answer %s as without a token, or as what does not exist', async (path) => {
      const answers = [
        await send({ path }),
        await send({ path, method: 'POST', headers: JSON_TYPE, body: '{"name":"a"}' }),
        await send({
          path: path.replace(/models/i, 'predictions'),
          method: 'POST',
          headers: JSON_TYPE,
          body: '{}',
        }),
      ];
      for (const { status, body } of answers) {
        expect([400, 401, 403, 404]).toContain(status);
        expect(body).toMatchObject({ status, request_id: expect.any(String) });
      }
    });

    it.each([
      '/docs/../package.json',
      '/docs/%2e%2e/package.json',
      '/docs/..%2fpackage.json',
      '/docs/..%2f..%2f..%2fpackage.json',
      '/docs/static/..%5c..%5cpackage.json',
      '/docs/....//package.json',
      '/docs//package.json',
      '/docs/./package.json',
      '/docs/static//../../package.json',
      '/docs/%00package.json',
      '/docs%2fpackage.json',
      '/docs/.env',
      '/docs/%252e%252e/package.json',
    ])('should give no file but those of the page at %s', async (path) => {
      const { status, body } = await send({ path });
      expect([400, 403, 404]).toContain(status);
      expect(body).toMatchObject({ status, request_id: expect.any(String) });
    });

    it.each([
      '..',
      '../globex',
      '..%2fglobex',
      '%2e%2e%2fglobex%2fsecret',
      '..%5cglobex',
      'a%2f..%2f..%2fb',
      '%00',
      'a/./b',
    ])('should name no object of another by %s', async (name) => {
      for (const [method, body] of [['PUT', 'x'], ['GET'], ['DELETE']] as const) {
        const answer = await send({
          path: `/api/v1/objects/data/${name}`,
          method,
          headers: { authorization },
          body,
        });
        expect([400, 403, 404, 405]).toContain(answer.status);
      }
    });

    it('should keep an encoded slash within a segment', async () => {
      const { status, body } = await send({
        path: '/api/v1/models/a%2Fversions',
        headers: { authorization },
      });
      expect([status, body.code]).toEqual([404, 'MODEL_NOT_FOUND']);
    });
  });

  describe('in their content type', () => {
    const body = JSON.stringify({ name: 'bypass', model_type: 'regression', framework: 'onnx', nonsense: 1 });

    it.each([
      'application/json\ta',
      'application/json garbage',
      'application/json\t',
      ' application/json',
      '\tapplication/json',
      'application/json ;charset=utf-8',
      'application/json;charset=utf-16',
      'application/json, text/plain',
      'text/plain, application/json',
      'application/json;;',
      'APPLICATION/JSON',
      'application/jsonx',
      'application/json/x',
      'application/vnd.api+json',
      'text/json',
      'text/plain',
      'multipart/form-data; boundary=application/json',
      'application/x-www-form-urlencoded',
      'application/octet-stream',
      ';application/json',
      'application',
      '*/*',
    ])('should not let a body past its check as %j', async (type) => {
      for (const [method, path] of [
        ['POST', '/api/v1/models'],
        ['PUT', '/api/v1/models/x/stage'],
        ['POST', '/api/v1/training'],
      ] as const) {
        const headers = { authorization, 'content-type': type };
        const { status, body: problem } = await send({ method, path, headers, body });
        expect([400, 415]).toContain(status);
        const pointers = problem.errors?.map(({ pointer }: { pointer: string }) => pointer);
        if (status === 400) expect(pointers).toContain('/nonsense');
      }
      const { status } = await send({
        method: 'POST',
        path: '/api/v1/predictions',
        headers: { authorization, 'content-type': type },
        body: '{"nonsense":1}',
      });
      expect([400, 415]).toContain(status);
    });

    it('should take a body without a content type for none', async () => {
      const { status } = await send({
        method: 'POST',
        path: '/api/v1/models',
        headers: { authorization },
        body,
      });
      expect([400, 415]).toContain(status);
      expect((await acme.get('/api/v1/models')).body.data).toEqual([]);
    });
  });

  describe('in names that all objects inherit', () => {
    it.each([
      '{"__proto__":{"polluted":1}}',
      '{"\\u005f\\u005fproto__":{"polluted":1}}',
      '{"name":"a","tags":{"__proto__":{"polluted":"1"}}}',
      '{"constructor":{"prototype":{"polluted":1}}}',
      '{"name":"a","constructor":1}',
      '{"features":[{"__proto__":{"polluted":1}}],"model_id":"x"}',
      '{"features":{"constructor":{"prototype":{"polluted":1}}},"model_id":"x"}',
    ])('should refuse %s', async (body) => {
      for (const path of [
        '/api/v1/models',
        '/api/v1/training',
        '/api/v1/predictions',
        '/api/v1/predictions/async',
      ])
        expect((await acme.post(path, body, JSON_TYPE)).status).toBe(400);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    });

    it.each([
      '__proto__[polluted]=1',
      '__proto__=1',
      'constructor[prototype][polluted]=1',
      'hasOwnProperty=1',
    ])('should not take the query %s for a setting', async (query) => {
      const { status } = await send({ path: `/api/v1/models?${query}`, headers: { authorization } });
      expect([200, 400]).toContain(status);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    });
  });

  describe('by the host that they name', () => {
    it.each([
      'evil.example',
      'evil.example:8000',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'x',
      'models.example',
    ])('should refuse %s everywhere: a page of that name could have been led here', async (host) => {
      for (const path of [
        '/api/v1/models',
        '/healthcheck',
        '/docs',
        '/metrics',
        '/api/v1/openapi.json',
        '/nothing',
      ]) {
        const { status, body } = await send({ path, headers: { host, authorization } });
        expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
        expect(body.detail).toContain('MODELPLANE_PUBLIC_URL');
      }
      const headers = { host, authorization, ...JSON_TYPE };
      const prediction = await send({ method: 'POST', path: '/api/v1/predictions', headers, body: '{}' });
      expect(prediction.status).toBe(403);
    });

    it.each([
      'localhost',
      'LOCALHOST:1',
      'app.localhost',
      '127.0.0.1:99',
      '192.168.1.2',
      '[::1]:8000',
      'models.example.com',
    ])('should answer for %s', async (host) => {
      expect((await send({ path: '/healthcheck', headers: { host } })).status).toBe(200);
    });
  });

  describe('from a page of another origin', () => {
    it('should be given nothing that signs in by itself, and no leave to read', async () => {
      const origin = 'https://evil.example';
      // A browser sends these by itself.
      const ambient = { origin, cookie: `token=${authorization}; authorization=${authorization}` };
      for (const [method, path] of [
        ['POST', '/api/v1/models'],
        ['DELETE', '/api/v1/objects/data/x'],
        ['GET', '/api/v1/me'],
      ] as const) {
        const stranger = await send({ method, path, headers: ambient });
        expect([stranger.status, stranger.body.code]).toEqual([401, 'UNAUTHORIZED']);
        expect(stranger.headers.get('www-authenticate') ?? '').not.toMatch(/basic|digest|negotiate/i);
        const known = await send({ method, path, headers: { ...ambient, authorization } });
        for (const { headers } of [stranger, known]) {
          expect(headers.has('access-control-allow-origin')).toBe(false);
          expect(headers.has('set-cookie')).toBe(false);
        }
      }
      const preflight = { origin, 'access-control-request-method': 'POST' };
      const { status, headers } = await send({
        method: 'OPTIONS',
        path: '/api/v1/models',
        headers: preflight,
      });
      expect([status, headers.has('access-control-allow-origin')]).toEqual([405, false]);
    });
  });
});
