import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Client } from './support/client.js';
import { sendRaw } from './support/raw-request.js';
import { required, Service } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { signToken } from './support/tokens.js';

const REQUEST_ID = /^req-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const MODEL = { name: 'a', model_type: 'regression', framework: 'onnx' };

function expectProblem({ status, headers, body }: Answer, wanted: number, code: string): void {
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect({ answered: status, ...body }).toMatchObject({
    answered: wanted,
    type: 'about:blank',
    title: expect.any(String),
    status: wanted,
    code,
    detail: expect.any(String),
    request_id: expect.stringMatching(REQUEST_ID),
  });
  const known = ['type', 'title', 'status', 'code', 'detail', 'request_id', 'errors'];
  expect(Object.keys(body).filter((name) => !known.includes(name))).toEqual([]);
}

/** A caller learns that something failed, not what the inside looks like. */
function expectNoInsides({ body, headers }: Answer): void {
  const text = JSON.stringify([body, [...headers]]);
  for (const inside of [
    /node_modules/,
    /\.(ts|js)\b/,
    /\bat \w/,
    /select|insert|from "/i,
    /relation|column/i,
  ]) {
    expect(text).not.toMatch(inside);
  }
  for (const inside of [
    'ECONNREFUSED',
    '127.0.0.1',
    'postgres',
    'QueryFailed',
    process.cwd(),
    'modelplane_app',
  ]) {
    expect(text).not.toContain(inside);
  }
}

const IDLE = { waiting: 0, active: 0, delayed: 0 };

describe('HTTP', () => {
  let service: Service;
  let acme: Client;
  let authorization: string;

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_MAX_PLAIN_BODY_BYTES: '2048' } });
    acme = await service.as('acme-corp');
    authorization = `Bearer ${await signToken({ tenant: 'acme-corp' })}`;
  });
  afterAll(() => service?.stop());

  describe('problems', () => {
    it.each([
      '/',
      '/nope',
      '/api',
      '/api/v1',
      '/api/v1/nope',
      '/api/v2/models',
      '/api/v1/models/a/b/c',
      '/%00',
    ])('should answer 404 for %s, with and without a token', async (path) => {
      expectProblem(await acme.get(path), 404, 'NOT_FOUND');
      expectProblem(await service.with(undefined).get(path), 404, 'NOT_FOUND');
    });

    it.each([
      ['DELETE', '/api/v1/models', 'GET, HEAD, POST'],
      ['POST', '/api/v1/models/x', 'DELETE, GET, HEAD, PATCH'],
      ['PUT', '/api/v1/models/x/', 'DELETE, GET, HEAD, PATCH'],
      ['GET', '/api/v1/models/%78/stage?a=b', 'PUT'],
      ['POST', '/healthcheck', 'GET, HEAD'],
      ['PATCH', '/api/v1/objects/data/x', 'DELETE, GET, HEAD, PUT'],
      ['GET', '/api/v1/predictions', 'POST'],
      ['TRACE', '/api/v1/models', 'GET, HEAD, POST'],
      ['OPTIONS', '/api/v1/models', 'GET, HEAD, POST'],
      ['PROPFIND', '/healthcheck', 'GET, HEAD'],
    ])('should answer 405 for %s %s, and say what the path takes', async (method, path, allowed) => {
      for (const headers of [{ authorization }, {} as Record<string, string>]) {
        const answer = await sendRaw({ url: service.url, method, path, headers });
        expectProblem(answer, 405, 'METHOD_NOT_ALLOWED');
        expect(answer.headers.get('allow')).toBe(allowed);
      }
    });

    it.each(['TRACE', 'DELETE', 'PROPFIND'])(
      'should answer 404 for %s where no route is at all',
      async (method) => {
        expectProblem(await sendRaw({ url: service.url, method, path: '/api/v1/nothing' }), 404, 'NOT_FOUND');
      },
    );

    it.each(['{', 'a=b', '{"name": "a",}', "{'name': 'a'}", '\u0000', '{"a":"\ud800'])(
      'should answer 400 for the JSON %j',
      async (body) => {
        const answer = await acme.post('/api/v1/models', body, { 'content-type': 'application/json' });
        expectProblem(answer, 400, 'INVALID_REQUEST');
        expectNoInsides(answer);
      },
    );

    it.each(['/api/v1/models/%ff', '/%', '/api/v1/%zz?a=b'])(
      'should answer 400 for %s, which no path is',
      async (path) => {
        const answer = await sendRaw({ url: service.url, path, headers: { authorization } });
        expectProblem(answer, 400, 'INVALID_REQUEST');
        expect(answer.headers.get('request-id')).toBe(answer.body.request_id);
      },
    );

    it('should answer 413 for a body past the limit, whether its length is announced or not', async () => {
      const body = JSON.stringify({ ...MODEL, description: 'x'.repeat(2048) });
      expectProblem(
        await acme.post('/api/v1/models', body, { 'content-type': 'application/json' }),
        413,
        'PAYLOAD_TOO_LARGE',
      );
      const chunked = await sendRaw({
        url: service.url,
        method: 'POST',
        path: '/api/v1/models',
        headers: { authorization, 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
        body,
      });
      expectProblem(chunked, 413, 'PAYLOAD_TOO_LARGE');
    });

    it.each([
      'text/plain',
      'text/html',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/octet-stream',
      'application/x-ndjson',
    ])('should answer 415 for a body of %s', async (type) => {
      const body = type.includes('urlencoded')
        ? new URLSearchParams(MODEL).toString()
        : JSON.stringify(MODEL);
      const answer = await acme.post('/api/v1/models', body, { 'content-type': type });
      expectProblem(answer, 415, 'UNSUPPORTED_MEDIA_TYPE');
      expectProblem(
        await acme.post('/api/v1/predictions', body, { 'content-type': type }),
        415,
        'UNSUPPORTED_MEDIA_TYPE',
      );
    });

    it('should take JSON that names its character set', async () => {
      const headers = { 'content-type': 'application/json; charset=utf-8' };
      expect((await acme.post('/api/v1/models', JSON.stringify(MODEL), headers)).status).toBe(201);
    });

    it('should make an id of its own for every request, whatever the caller sends', async () => {
      const headers = { 'x-request-id': 'req-mine', 'request-id': 'req-mine' };
      const answers = await Promise.all([acme.get('/nope', headers), acme.get('/nope', headers)]);
      const ids = answers.map(({ body }) => body.request_id);
      expect(ids).toEqual([expect.stringMatching(REQUEST_ID), expect.stringMatching(REQUEST_ID)]);
      expect(new Set(ids).size).toBe(2);
    });

    it('should take a path with a slash at its end', async () => {
      expect((await acme.get('/api/v1/models/')).status).toBe(200);
    });
  });

  describe('health', () => {
    it.each(['/healthcheck', '/healthcheck/'])('should be at %s for everybody', async (path) => {
      const { status, body } = await service.with(undefined).get(path);
      expect(status).toBe(200);
      expect(body).toEqual({
        status: 'healthy',
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        worker_pid: process.pid,
        memory_usage_mb: expect.any(Number),
        database: true,
        redis: true,
        object_store: true,
        queues: {
          training: IDLE,
          'training-validation': IDLE,
          tuning: IDLE,
          calibration: IDLE,
          'ensemble-fit': IDLE,
          'feature-materialization': IDLE,
          'feature-historical': IDLE,
          'feature-skew': IDLE,
          'feature-erasure': IDLE,
          batch: IDLE,
          prediction: IDLE,
          'prediction-export': IDLE,
        },
        down: [],
        degraded: [],
        disk_free_bytes: expect.any(Number),
      });
    });

    it('should say that the process answers', async () => {
      const { status, body } = await service.with(undefined).get('/healthcheck/live');
      expect([status, body]).toEqual([200, { status: 'alive' }]);
    });
  });

  it('should show nothing of its inside when it fails', async () => {
    const { model_id: id } = (await acme.post('/api/v1/models', { ...MODEL, name: 'broken' })).body;
    await service.database.query('alter table stage_changes rename column reason to renamed');
    const answer = await acme.get(`/api/v1/models/${id}/history`);
    expectProblem(answer, 500, 'INTERNAL_ERROR');
    expectNoInsides(answer);
  });
});

describe('a service whose servers go away', () => {
  it('should say in its health what is down, go on with what is not, and recover', async () => {
    const redis = await TcpProxy.to(required('MODELPLANE_TEST_REDIS_URL'));
    const database = await TcpProxy.to(required('MODELPLANE_TEST_APP_URL'));
    const service = await Service.start({
      env: ({ appUrl, systemUrl }) => ({
        REDIS_URL: redis.through(),
        DATABASE_URL: database.through(appUrl),
        MODELPLANE_DATABASE_SYSTEM_URL: database.through(systemUrl),
      }),
    });
    try {
      const acme = await service.as('acme-corp');
      expect((await acme.get('/healthcheck')).status).toBe(200);

      await redis.cut();
      expect(await acme.get('/healthcheck')).toMatchObject({
        status: 503,
        body: {
          status: 'unhealthy',
          database: true,
          redis: false,
          queues: {
            training: null,
            'training-validation': null,
            tuning: null,
            calibration: null,
            'ensemble-fit': null,
            batch: null,
            prediction: null,
            'prediction-export': null,
          },
          down: ['redis'],
        },
      });
      expect((await acme.post('/api/v1/models', MODEL)).status).toBe(201);

      await database.cut();
      expect(await acme.get('/healthcheck')).toMatchObject({
        status: 503,
        body: { status: 'unhealthy', database: false, redis: false, down: ['database', 'redis'] },
      });
      expect((await acme.get('/healthcheck/live')).status).toBe(200);
      const failed = await acme.get('/api/v1/models');
      expectProblem(failed, 503, 'DATABASE_UNAVAILABLE');
      expectNoInsides(failed);

      await database.restore();
      await redis.restore();
      while ((await acme.get('/healthcheck')).status !== 200) await sleep(50);
      expect((await acme.get('/api/v1/models')).body.data).toHaveLength(1);
    } finally {
      await service.stop();
      await Promise.all([redis.cut(), database.cut()]);
    }
  });
});
