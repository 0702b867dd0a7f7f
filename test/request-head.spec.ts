import { AppLogger } from '../src/platform/observability/logger.js';
import { requestLine } from '../src/platform/observability/request-line.js';
import type { Client } from './support/client.js';
import { sendRaw } from './support/raw-request.js';
import { Service } from './support/service.js';

const ORIGIN = 'https://app.example.com';
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const OURS = /^req-[0-9a-f-]{36}$/;

describe('the head of a request', () => {
  let service: Service;
  let acme: Client;

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_CORS_ORIGINS: ORIGIN } });
    acme = await service.as('acme-corp');
  });
  afterAll(() => service?.stop());
  afterEach(() => jest.restoreAllMocks());

  /** What the log says of the next request. */
  function nextLine(): Promise<Record<string, unknown>> {
    return new Promise((resolve) => {
      const logger = service.app.get(AppLogger);
      jest.spyOn(logger, 'request').mockImplementation((request) => {
        resolve(JSON.parse(requestLine(request, '', '"pid":0')) as Record<string, unknown>);
      });
    });
  }

  describe('X-Request-Id', () => {
    it.each(['a', 'order-42/7', '~'.repeat(128)])('should be echoed and logged: %s', async (id) => {
      const line = nextLine();
      const { headers } = await acme.get('/api/v1/models', { 'x-request-id': id });
      expect(headers.get('x-request-id')).toBe(id);
      expect(headers.get('request-id')).toMatch(OURS);
      expect(await line).toMatchObject({ client_request_id: id, request_id: headers.get('request-id') });
    });

    it.each(['x'.repeat(129), 'two words', 'caf\u00e9', '\ttab in\tside', ''])(
      'should be ignored: %j',
      async (id) => {
        const line = nextLine();
        const { status, headers } = await sendRaw({
          url: service.url,
          path: '/healthcheck/live',
          headers: { 'x-request-id': id },
        });
        expect([status, headers.get('x-request-id')]).toEqual([200, null]);
        expect(headers.get('request-id')).toMatch(OURS);
        expect((await line).client_request_id).toBeUndefined();
      },
    );

    it('should come with problems too, which name our own id', async () => {
      const { headers, body } = await acme.get('/api/v1/models/x', { 'x-request-id': 'mine' });
      expect(headers.get('x-request-id')).toBe('mine');
      expect(headers.get('request-id')).toBe(body.request_id);
    });
  });

  it('should be answered where its target is no path', async () => {
    const { status } = await sendRaw({ url: service.url, path: '*' });
    expect(status).toBe(404);
    expect((await acme.get('/healthcheck/live')).status).toBe(200);
  });

  describe('traceparent', () => {
    it('should be logged', async () => {
      const line = nextLine();
      await acme.get('/api/v1/models', { traceparent: TRACE });
      expect(await line).toMatchObject({ trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' });
    });

    it.each([TRACE.toUpperCase(), `${TRACE}-more`, TRACE.replace('00f067aa0ba902b7', '0'.repeat(16)), 'x'])(
      'should be ignored where it is not one: %s',
      async (traceparent) => {
        const line = nextLine();
        expect((await acme.get('/api/v1/models', { traceparent })).status).toBe(200);
        expect((await line).trace_id).toBeUndefined();
      },
    );

    it('should be kept with the job that the request submits', async () => {
      const request = {
        model_name: 'traced',
        framework: 'sklearn',
        data_config: { train_path: 's3://data/x.csv', target_column: 'y' },
      };
      const { body } = await acme.post('/api/v1/training', request, { traceparent: TRACE });
      const [job] = await service.database.query('select trace_parent from jobs where id = $1', [
        body.job_id,
      ]);
      expect(job).toEqual({ trace_parent: TRACE });
    });
  });

  describe('security headers', () => {
    it.each(['/healthcheck/live', '/api/v1/models', '/nope', '/docs'])('should be on %s', async (path) => {
      const { headers } = await acme.get(path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('DENY');
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src '(none|self)';.*frame-ancestors 'none'/,
      );
    });

    it('should let the page of documentation load its own scripts, which are not inline', async () => {
      const page = await service.with(undefined).get('/docs');
      expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
      const scripts = [...String(page.body).matchAll(/<script([^>]*)>([^<]*)</g)];
      expect(scripts.length).toBeGreaterThan(0);
      for (const [, attributes, inline] of scripts) {
        const [, source = ''] = /src="([^"]+)"/.exec(attributes ?? '') ?? [];
        expect([source, inline?.trim()]).toEqual([expect.stringMatching(/^\.?\/?docs\//), '']);
        expect((await service.with(undefined).get(`/${source.replace(/^\.?\//, '')}`)).status).toBe(200);
      }
    });
  });

  describe('CORS', () => {
    const preflight = (origin: string, url = service.url) =>
      sendRaw({
        url,
        method: 'OPTIONS',
        path: '/api/v1/models',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });

    it('should let a configured origin call, without a token for the preflight', async () => {
      const line = nextLine();
      const { status, headers } = await preflight(ORIGIN);
      expect(status).toBe(204);
      expect(await line).toMatchObject({ method: 'OPTIONS', status: 204 });
      expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type');
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      const answer = await acme.get('/api/v1/models', { origin: ORIGIN });
      expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(answer.headers.get('access-control-expose-headers')).toMatch(/Content-Range.*ETag/);
    });

    it('should allow no other origin', async () => {
      for (const origin of ['https://evil.example', `${ORIGIN}.evil.example`, 'null']) {
        expect((await preflight(origin)).headers.get('access-control-allow-origin')).not.toBe(origin);
        const { headers } = await acme.get('/api/v1/models', { origin });
        expect(headers.get('access-control-allow-origin')).not.toBe(origin);
      }
    });

    it('should be off unless configured', async () => {
      const other = await Service.start({ beside: service, env: { MODELPLANE_CORS_ORIGINS: '' } });
      try {
        const { status, headers } = await preflight(ORIGIN, other.url);
        expect([status, headers.get('access-control-allow-origin')]).toEqual([405, null]);
      } finally {
        await other.stop();
      }
    });
  });
});
