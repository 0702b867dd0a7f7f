import { connect, type Socket } from 'node:net';
import { Body, Controller, Get, HttpCode, Module, Post, type Type } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { IsInt } from 'class-validator';
import { Access } from '../src/platform/auth/access.decorator.js';
import { API } from '../src/platform/http/api.surface.js';
import { DirectRoutes } from '../src/platform/http/direct-routes.js';
import type { Surface } from '../src/platform/http/surface.js';
import { SurfaceModule } from '../src/platform/http/surfaces.module.js';
import { Surfaces } from '../src/platform/http/surfaces.js';
import type { Answer, Client } from './support/client.js';
import { sendRaw } from './support/raw-request.js';
import { Service } from './support/service.js';
import { signToken } from './support/tokens.js';

/** Errors of one field, read by key alone. */
const SHORT: Surface = {
  prefixes: ['/short', '/also/short'],
  signIn: 'api_key',
  errors: ({ detail }) => ({ contentType: 'application/json', body: { error: detail } }),
  document: { title: 'Short', description: 'A second document.', jsonPath: '/short/openapi.json' },
};
/** Within that of problem+json, with a status of its own, open to everybody. */
const INNER: Surface = {
  prefixes: ['/api/v1/inner'],
  signIn: 'none',
  errors: ({ detail, status }, id) => ({
    status: status === 400 ? 422 : status,
    contentType: 'application/json',
    body: { detail, id },
  }),
};

class CountDto {
  @ApiProperty({ description: 'A number.', example: 1 })
  @IsInt()
  count: number;
}

class CountBody {
  @ApiProperty({ description: 'A number.', example: 1 })
  count: number;
}

function block(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;) continue;
}

/** The same routes on a path; one of them is registered on Fastify itself. */
function routesAt(path: string, isDirect: boolean): Type {
  @ApiTags('Counts')
  @Access('viewer')
  @Controller(path)
  class Counts {
    constructor(direct: DirectRoutes) {
      if (isDirect) direct.add(this, 'slow');
    }

    @Get()
    @ApiOperation({ summary: 'Count' })
    @ApiOkResponse({ type: CountBody })
    get(): CountBody {
      return { count: 1 };
    }

    @Post()
    @HttpCode(200)
    @ApiOperation({ summary: 'Count on' })
    @ApiOkResponse({ type: CountBody })
    post(@Body() { count }: CountDto): CountBody {
      return { count };
    }

    @Get('broken')
    broken(): never {
      throw new Error('a secret of the inside');
    }

    @Access('admin')
    @Get('admin')
    admin(): object {
      return {};
    }

    @Post('slow')
    slow(): object {
      block(100);
      return {};
    }
  }
  return Counts;
}

@Access('public')
@Controller('api/v1/inner')
class Inner {
  @Post()
  @HttpCode(200)
  post(@Body() { count }: CountDto): CountBody {
    return { count };
  }
}

@Module({
  imports: [SurfaceModule.of(SHORT), SurfaceModule.of(INNER)],
  controllers: [
    routesAt('short/counts', true),
    routesAt('also/short/counts', false),
    routesAt('api/v1/counts', true),
    Inner,
  ],
})
class MoreSurfaces {}

interface Face {
  readonly path: string;
  readonly type: RegExp;
  /** The body of an error. */
  body(status: number): object;
}

const SHAPES: Record<string, Face> = {
  'problem+json': {
    path: '/api/v1/counts',
    type: /^application\/problem\+json; charset=utf-8$/,
    body: (status) => ({
      type: 'about:blank',
      title: expect.any(String),
      status,
      code: expect.stringMatching(/^[A-Z_]+$/),
      detail: expect.any(String),
      request_id: expect.stringMatching(/^req-/),
    }),
  },
  'one field': {
    path: '/short/counts',
    type: /^application\/json; charset=utf-8$/,
    body: () => ({ error: expect.any(String) }),
  },
};

describe('surfaces', () => {
  let service: Service;
  let admin: Client;
  let key: string;

  beforeAll(async () => {
    const env = {
      MODELPLANE_RATE_LIMIT_PER_MINUTE: '0',
      MODELPLANE_MAX_PLAIN_BODY_BYTES: '1024',
      MODELPLANE_MAX_DELAY_MS: '150',
    };
    service = await Service.start({ imports: [MoreSurfaces], env });
    admin = await service.as('acme-corp');
    key = (await admin.post('/api/v1/api-keys', { name: 'k', roles: ['viewer'] })).body.key;
  });
  afterAll(() => service?.stop());

  const json = { 'content-type': 'application/json' };
  const call = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
    sendRaw({ url: service.url, method, path, headers: { 'x-api-key': key, ...headers }, body });

  describe.each(Object.entries(SHAPES))('with errors of %s', (_, { path, type, body }) => {
    function expectShape({ status, headers, body: answered }: Answer, wanted: number): void {
      // Of the fields at fault only some problems tell.
      delete answered.errors;
      expect([status, headers.get('content-type'), answered]).toEqual([
        wanted,
        expect.stringMatching(type),
        body(wanted),
      ]);
    }

    it('should answer', async () => {
      expect((await call('GET', path)).body).toEqual({ count: 1 });
      expect((await call('POST', path, json, '{"count":2}')).body).toEqual({ count: 2 });
    });

    it.each(['{', '{"count":1,"count":2}'])('should so refuse the JSON %s', async (text) => {
      expectShape(await call('POST', path, json, text), 400);
    });

    it('should so refuse a body of another type, and one that is too large', async () => {
      expectShape(await call('POST', path, { 'content-type': 'text/xml' }, '<a/>'), 415);
      expectShape(await call('POST', path, json, JSON.stringify('x'.repeat(2000))), 413);
      const chunked = { ...json, 'transfer-encoding': 'chunked' };
      expectShape(await call('POST', path, chunked, JSON.stringify('x'.repeat(2000))), 413);
    });

    it('should so refuse a caller without a credential, with and without a body', async () => {
      for (const [method, text] of [['GET'], ['POST', '{"count":1}']] as const) {
        for (const headers of [{}, { 'x-api-key': 'wrong' }] as Record<string, string>[]) {
          const answer = await sendRaw({
            url: service.url,
            method,
            path,
            headers: { ...headers, ...(text && json) },
            body: text,
          });
          expectShape(answer, 401);
          expect(answer.headers.get('www-authenticate')).toMatch(/realm="modelplane"/);
        }
      }
    });

    it('should so refuse two credentials, and a role that is not enough', async () => {
      const authorization = `Bearer ${await signToken({ tenant: 'acme-corp' })}`;
      expectShape(await call('GET', path, { authorization }), 400);
      expectShape(await call('GET', `${path}/admin`), 403);
    });

    it('should so say that there is no such route, or none for the method, and that a path is none', async () => {
      expectShape(await call('GET', `${path}/nothing`), 404);
      expectShape(await call('DELETE', path), 405);
      expectShape(await call('GET', `${path}/%ff`), 400);
    });

    it('should so tell of its own faults, and of nothing within', async () => {
      const answer = await call('GET', `${path}/broken`);
      expectShape(answer, 500);
      expect(JSON.stringify(answer.body)).not.toContain('secret');
    });

    it('should so refuse what is past the rate limit', async () => {
      const env = { MODELPLANE_RATE_LIMIT_BURST: '1', MODELPLANE_RATE_LIMIT_PER_MINUTE: '1' };
      const limited = await Service.start({ imports: [MoreSurfaces], beside: service, env });
      try {
        const headers = { 'x-api-key': key };
        const ask = () => sendRaw({ url: limited.url, path, headers });
        const answers = [await ask(), await ask(), await ask()];
        expectShape(answers.at(-1)!, 429);
        expect(answers.at(-1)!.headers.get('retry-after')).toMatch(/^\d+$/);
      } finally {
        await limited.stop();
      }
    });

    it('should so refuse what waits for too long, before Fastify sees it', async () => {
      // A key that is known makes nobody wait.
      expect((await call('GET', path)).status).toBe(200);
      const { hostname, port } = new URL(service.url);
      const sockets = await Promise.all(Array.from({ length: CALLERS }, () => connected(hostname, port)));
      const ask = (method: string, url: string) => {
        const head = `${method} ${url} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${key}\r\nContent-Length: 0\r\n\r\n`;
        const answers = sockets.map(answerOf);
        for (const socket of sockets) socket.write(head);
        return Promise.all(answers);
      };
      // Once all connections are taken, what they ask lies there in one turn of the event loop.
      await ask('GET', path);
      const refused = (await ask('POST', `${path}/slow`)).filter(({ status }) => status === 503);
      expect(refused.length).toBeGreaterThan(0);
      for (const answer of refused) expectShape(answer, 503);
      for (const socket of sockets) socket.destroy();
    });
  });

  it('should be told apart by the longest prefix, and whole parts of a path', async () => {
    const bad = await sendRaw({
      url: service.url,
      method: 'POST',
      path: '/api/v1/inner',
      headers: json,
      body: '{"count":"x"}',
    });
    expect([bad.status, bad.body]).toEqual([
      422,
      { detail: expect.stringContaining('/count'), id: bad.headers.get('request-id') },
    ]);
    expect((await call('GET', '/shortage')).body.code).toBe('NOT_FOUND');
    expect((await call('GET', '/short')).body).toEqual({ error: expect.any(String) });
    expect((await call('GET', '/short?x=/api/v1')).body).toEqual({ error: expect.any(String) });
    expect((await call('GET', '/also/short/counts')).body).toEqual({ count: 1 });
    expect((await call('GET', '/also/short/x')).body).toEqual({ error: expect.any(String) });
  });

  it('should read the body of a stranger where nobody signs in, but for no route', async () => {
    const post = (path: string, body: string) =>
      sendRaw({ url: service.url, method: 'POST', path, headers: json, body });
    expect((await post('/api/v1/inner', '{"count":3}')).body).toEqual({ count: 3 });
    for (const path of ['/api/v1/inner/nothing', '/healthcheck/nothing']) {
      const answer = await post(path, '{');
      expect([path, answer.status]).toEqual([path, 404]);
    }
  });

  it('should take no other credential than their own, however the path is written', async () => {
    const token = await signToken({ tenant: 'acme-corp' });
    // Known by now, to whoever asks with it where tokens are taken.
    expect((await service.with(token).get('/api/v1/counts')).status).toBe(200);
    expect((await service.with(key).get('/api/v1/counts')).status).toBe(200);
    for (const path of ['/short/counts', '/sho%72t/counts']) {
      for (const bearer of [token, key]) {
        const headers = { authorization: `Bearer ${bearer}` };
        const answer = await sendRaw({ url: service.url, path, headers });
        expect([answer.status, answer.body]).toEqual([
          401,
          { error: 'The key was refused: an X-API-Key header is required.' },
        ]);
      }
      expect((await call('GET', path)).status).toBe(200);
    }
  });

  it('should each have a document of their own routes and bodies', async () => {
    const [short, api] = await Promise.all(
      ['/short/openapi.json', '/api/v1/openapi.json'].map(async (path) => (await admin.get(path)).body),
    );
    expect(short.info).toMatchObject({ title: 'Short', description: 'A second document.' });
    const paths = Object.keys(short.paths);
    expect(paths.every((path) => /^(\/also)?\/short\//.test(path))).toBe(true);
    expect(paths).toContain('/short/counts');
    expect(Object.keys(short.components.schemas).sort()).toEqual(['CountBody', 'CountDto']);
    expect(short.security).toEqual([{ apiKey: [] }]);
    expect(Object.keys(short.components.securitySchemes)).toEqual(['apiKey']);

    const ofApi = Object.keys(api.paths);
    expect(ofApi).toEqual(expect.arrayContaining(['/api/v1/models', '/api/v1/counts', '/healthcheck']));
    expect(ofApi.filter((path) => /short|inner/.test(path))).toEqual([]);
    expect(api.security).toEqual([{ bearer: [] }, { apiKey: [] }]);
  });
});

const CALLERS = 10;

function connected(hostname: string, port: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => resolve(socket)).setEncoding('utf8');
    socket.once('error', reject);
  });
}

/** The first answer of a connection. */
async function answerOf(socket: Socket): Promise<Answer> {
  const text = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = new Headers(lines.map((line) => line.split(': ') as [string, string]));
  return { status: Number(first.split(' ')[1]), headers, body: JSON.parse(body) };
}

describe('the declaration of surfaces', () => {
  const at = (...prefixes: string[]): Surface => ({ ...API, prefixes });

  it('should be refused where two have the same prefix', () => {
    expect(() => new Surfaces([at('/a', '/b'), at('/b')])).toThrow('two surfaces have the prefix /b');
  });

  it.each(['', '/', 'a', '/a/', '//a', '/a*', '/a?b'])('should be refused with the prefix %j', (prefix) => {
    expect(() => new Surfaces([at(prefix)])).toThrow('is no path');
  });

  it('should find by the longest prefix, in whatever order they were declared', () => {
    const [outer, inner] = [at('/a'), at('/a/b')];
    for (const surfaces of [new Surfaces([outer, inner]), new Surfaces([inner, outer])]) {
      expect(surfaces.find('/a/b/c')).toBe(inner);
      expect(surfaces.find('/a/b?c')).toBe(inner);
      expect(surfaces.find('/a/bc')).toBe(outer);
      expect(surfaces.find('/ab')).toBeUndefined();
    }
  });
});
