import { connect } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { duplicateKey } from '../src/platform/http/duplicate-key.js';
import type { Answer, Client } from './support/client.js';
import { sendRaw } from './support/raw-request.js';
import { Service } from './support/service.js';
import { signToken } from './support/tokens.js';

const MODEL = { name: 'a', model_type: 'regression', framework: 'onnx' };
const JSON_TYPE = { 'content-type': 'application/json' };
const MEBIBYTE = 2 ** 20;

describe('bodies of strangers and of those who mean harm', () => {
  let service: Service;
  let acme: Client;
  let authorization: string;

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_RECEIVE_SECONDS: '1' } });
    acme = await service.as('acme-corp');
    authorization = `Bearer ${await signToken({ tenant: 'acme-corp' })}`;
  });
  afterAll(() => service?.stop());

  /** Sends bytes and nothing more; what came back until the service hung up or `until` matched. */
  function converse(bytes: string, until?: RegExp): Promise<string> {
    const { hostname, port } = new URL(service.url);
    return new Promise((resolve, reject) => {
      let received = '';
      const socket = connect(Number(port), hostname, () => socket.write(bytes));
      socket.on('data', (chunk) => {
        received += chunk;
        if (until?.test(received)) socket.destroy();
      });
      socket.on('close', () => resolve(received));
      socket.on('error', reject);
    });
  }

  const head = (path: string, headers: Record<string, string>, method = 'POST'): string =>
    [
      `${method} ${path} HTTP/1.1`,
      'host: localhost',
      ...Object.entries(headers).map((pair) => pair.join(': ')),
      '',
      '',
    ].join('\r\n');

  it('should refuse a query of more names than any route has, without naming each', async () => {
    const query = Array.from({ length: 101 }, (_, at) => `a${at}=`).join('&');
    const { status, body } = await acme.get(`/api/v1/models?${query}`);
    expect([status, body.errors]).toEqual([
      400,
      [{ pointer: '', message: 'the query must not hold more than 100 parameters' }],
    ]);
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['a header without a colon', 'GET / HTTP/1.1\r\nhost: localhost\r\nnonsense\r\n\r\n', 400],
    ['two lengths', head('/api/v1/models', { 'content-length': '1\r\ncontent-length: 2' }), 400],
    [
      'headers without an end',
      `GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
    ],
  ])('should answer %s with a problem, and hang up', async (_, bytes, status) => {
    const answer = await converse(bytes);
    const [headers, body] = answer.split('\r\n\r\n') as [string, string];
    expect(headers).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(headers).toMatch(/content-type: application\/problem\+json/);
    expect(JSON.parse(body)).toMatchObject({
      code: 'INVALID_REQUEST',
      status,
      request_id: expect.any(String),
    });
  });

  describe('before the token is known to be valid', () => {
    it.each<[string, Record<string, string>]>([
      ['announces megabytes', { 'content-length': String(7 * MEBIBYTE) }],
      ['announces more than any body may have', { 'content-length': String(2 ** 40) }],
      ['never says how long it is', { 'transfer-encoding': 'chunked' }],
    ])('should answer without reading a body that %s, and hang up', async (_, headers) => {
      for (const path of ['/api/v1/models', '/api/v1/predictions', '/api/v1/nothing-here']) {
        const answer = await converse(head(path, { ...JSON_TYPE, ...headers }));
        expect(answer).toMatch(/^HTTP\/1.1 401 /);
        expect(answer).toMatch(/\r\nconnection: close\r\n/i);
        expect(answer).toContain('"code":"UNAUTHORIZED"');
      }
    });

    it.each(['{', '[1,', 'x'.repeat(100), '{"a":1,"a":2}'])(
      'should say nothing of the body %j but that the token is missing',
      async (body) => {
        const stranger = service.with(undefined);
        const answer = await stranger.post('/api/v1/models', body, JSON_TYPE);
        expect([answer.status, answer.body.code]).toEqual([401, 'UNAUTHORIZED']);
        const forged = service.with(await signToken({ tenant: 'acme-corp', secret: 'x'.repeat(32) }));
        expect((await forged.post('/api/v1/models', body, JSON_TYPE)).status).toBe(401);
        expect((await stranger.post('/api/v1/models', body, { 'content-type': 'text/xml' })).status).toBe(
          401,
        );
      },
    );
  });

  describe('that come slowly', () => {
    it('should give up a head that does not end', async () => {
      expect(await converse('POST /api/v1/models HTTP/1.1\r\nhost: localhost\r\nx-slow: ')).toMatch(
        /^(HTTP\/1.1 408 .*)?/s,
      );
    });

    it('should give up a body that does not end', async () => {
      const headers = { ...JSON_TYPE, authorization, 'content-length': '100' };
      const answer = await converse(`${head('/api/v1/models', headers)}{"name":`, /within/);
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toContain('the body did not arrive within 1 s');
    });

    it('should be held up to eight of the largest together, and be forgotten when they are given up', async () => {
      const headers = { ...JSON_TYPE, authorization, 'content-length': String(8 * MEBIBYTE) };
      const begin = () => converse(`${head('/api/v1/predictions', headers)}{"model_id":`, /within|already/);
      const answers = await Promise.all(Array.from({ length: 9 }, begin));
      expect(answers.map((answer) => answer.slice(9, 12)).sort()).toEqual([...Array(8).fill('400'), '503']);
      expect(answers.join()).toContain(`${64 * MEBIBYTE} bytes of your bodies are on their way already`);
      expect(await begin()).toContain('did not arrive within 1 s');
    });

    it('should not wait for what is left of a body that it has refused unread', async () => {
      const headers = { 'content-type': 'text/csv', authorization, 'content-length': '100' };
      const { hostname, port } = new URL(service.url);
      const socket = connect(Number(port), hostname, () => socket.write(head('/api/v1/models', headers)));
      socket.on('error', () => undefined);
      const answer = await new Promise<string>((resolve) =>
        socket.once('data', (chunk) => resolve(String(chunk))),
      );
      expect(answer).toMatch(/^HTTP\/1.1 415 /);
      // Past the time that a body may take.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      socket.destroy();
      expect((await acme.get('/api/v1/models')).status).toBe(200);
    });

    it('should go on with an object that takes longer', async () => {
      const headers = { authorization, 'content-length': '4' };
      const { hostname, port } = new URL(service.url);
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(`${head('/api/v1/objects/data/slow', headers, 'PUT')}ab`);
          setTimeout(() => socket.write('cd'), 1500);
        });
        socket.once('data', (chunk) => resolve(String(chunk)) ?? socket.destroy());
        socket.on('error', reject);
      });
      expect(answer).toMatch(/^HTTP\/1.1 200 /);
      expect((await acme.get('/api/v1/objects/data/slow')).body).toBe('abcd');
    });
  });

  describe('with a name given twice', () => {
    it.each<[string, string, string]>([
      ['at the top', '{"name":"a","model_type":"regression","framework":"onnx","name":"b"}', '/name'],
      ['with another spelling', '{"name":"a","n\\u0061me":"b"}', '/name'],
      ['within', '{"name":"a","tags":{"a/b":"1","a/b":"2"}}', '/tags/a~1b'],
      ['in an item', '{"features":[{"x":1},{"x":1,"x":2}]}', '/features/1/x'],
    ])('should refuse one %s by its pointer', async (_, body, pointer) => {
      for (const path of ['/api/v1/models', '/api/v1/training']) {
        const answer = await acme.post(path, body, JSON_TYPE);
        expect([answer.status, answer.body.errors]).toEqual([400, [{ pointer, message: 'is given twice' }]]);
      }
    });

    it.each([
      '{"a":{"a":1},"b":{"a":1}}',
      '[{"a":1},{"a":1}]',
      '{"a":"a","b":"\\"a\\":"}',
      '{"a\\"":1,"a":2}',
      '{"a\\\\":1,"a":2}',
      ' { "a" : [ ] , "b" : { } , "" : 0 } ',
      '"a"',
      '0',
    ])('should find none in %j', (json) => {
      expect(JSON.parse(json)).toBeDefined();
      expect(duplicateKey(json)).toBeUndefined();
    });
  });

  describe('with a Content-Encoding', () => {
    const send = (body: Uint8Array, encoding: string, path = '/api/v1/models') =>
      acme.post(path, body, { ...JSON_TYPE, 'content-encoding': encoding });
    const named = (name: string) => Buffer.from(JSON.stringify({ ...MODEL, name }));

    it.each(['gzip', 'x-gzip', 'GZIP', ' gzip '])('should read %j', async (encoding) => {
      const name = `zipped ${encoding.length} ${encoding.trim()}`;
      const { status, body } = await send(gzipSync(named(name)), encoding);
      expect([status, body.name]).toEqual([201, name]);
      const twice = gzipSync(Buffer.from('{"name":"a","name":"b"}'));
      expect((await send(twice, encoding)).body.errors[0].message).toBe('is given twice');
    });

    it('should read gzip of an unknown length, in several members, and on the direct routes', async () => {
      const all = named('in members');
      const members = Buffer.concat([gzipSync(all.subarray(0, 9)), gzipSync(all.subarray(9))]);
      const headers = {
        ...JSON_TYPE,
        authorization,
        'content-encoding': 'gzip',
        'transfer-encoding': 'chunked',
      };
      const chunked = { url: service.url, method: 'POST', path: '/api/v1/models', headers, body: members };
      expect((await sendRaw(chunked)).body.name).toBe('in members');
      const answer = await send(gzipSync(Buffer.from('{"features":{}}')), 'gzip', '/api/v1/predictions');
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, '/model_id']);
    });

    it('should take identity for what it is', async () => {
      expect((await send(named('as it is'), 'identity')).status).toBe(201);
    });

    it.each(['deflate', 'br', 'zstd', 'compress', 'gzip, gzip', 'nonsense'])(
      'should refuse %s by its name',
      async (encoding) => {
        const { status, body, headers } = await send(deflateSync(named('refused')), encoding);
        expect([status, body.code, headers.get('accept-encoding')]).toEqual([
          415,
          'UNSUPPORTED_MEDIA_TYPE',
          'gzip',
        ]);
        expect(body.detail).toContain(`Content-Encoding ${encoding} is not read`);
      },
    );

    it('should refuse what becomes more than a body may be, and read no more of it', async () => {
      const bomb = gzipSync(Buffer.alloc(200 * MEBIBYTE, ' '), { level: 9 });
      expect(bomb.length).toBeLessThan(MEBIBYTE);
      for (const path of ['/api/v1/models', '/api/v1/predictions']) {
        const { status, body } = await send(bomb, 'gzip', path);
        expect([status, body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
      }
    });

    const whole = gzipSync(Buffer.from(JSON.stringify({ ...MODEL, name: 'x'.repeat(100) })));
    const flipped = Buffer.from(whole);
    flipped[whole.length - 6]! ^= 0xff;
    it.each<[string, Buffer]>([
      ['no gzip', named('plain')],
      ['cut off', whole.subarray(0, -9)],
      ['of another checksum', flipped],
      ['followed by something else', Buffer.concat([whole, Buffer.from('{"a":1}')])],
      ['of other bytes within', Buffer.concat([whole.subarray(0, 12), Buffer.alloc(20, 0xff)])],
    ])('should refuse a body that is %s', async (_, bytes) => {
      const { status, body } = await send(bytes, 'gzip');
      expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
    });

    it('should say that a gzip is damaged', async () => {
      const { body } = await send(named('plain'), 'gzip');
      expect(body.detail).toBe('The body is no whole gzip: incorrect header check.');
    });

    it('should give up one that does not end', async () => {
      const headers = { ...JSON_TYPE, authorization, 'content-encoding': 'gzip', 'content-length': '500' };
      const begun = gzipSync(named('slow')).subarray(0, 10).toString('latin1');
      expect(await converse(head('/api/v1/models', headers) + begun, /within/)).toMatch(/^HTTP\/1.1 400 /);
      expect((await acme.get('/api/v1/models')).status).toBe(200);
    });

    it('should leave the bytes of an object as they are', async () => {
      const bytes = gzipSync(Buffer.from('a,b\n1,2\n'));
      const path = '/api/v1/objects/data/zipped.csv.gz';
      const put = await acme.put(path, bytes, { 'content-encoding': 'gzip' });
      expect(put.body).toMatchObject({ size_bytes: bytes.length });
    });
  });

  describe('with bytes that are not UTF-8', () => {
    it.each<[string, number[]]>([
      ['Latin-1', [0xe9]],
      ['a byte that UTF-8 never has', [0xff]],
      ['a character that is cut off', [0xf0, 0x9f, 0x98]],
      ['an overlong form', [0xc0, 0xaf]],
      ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
      ['a byte that continues nothing', [0x80]],
    ])('should refuse %s by its place', async (_, bytes) => {
      const body = Buffer.concat([Buffer.from('{"name":"caf'), Buffer.from(bytes), Buffer.from('"}')]);
      for (const path of ['/api/v1/models', '/api/v1/predictions', '/api/v1/predictions/async']) {
        const answer = await acme.post(path, body, JSON_TYPE);
        expect([answer.status, answer.body.code]).toEqual([400, 'INVALID_REQUEST']);
        expect(answer.body.detail).toMatch(/not UTF-8, in which JSON is sent: see byte 1[34567]$/);
      }
    });

    it('should refuse UTF-16', async () => {
      const body = Buffer.from(`\ufeff${JSON.stringify(MODEL)}`, 'utf16le');
      expect((await acme.post('/api/v1/models', body, JSON_TYPE)).body.detail).toMatch(/not UTF-8/);
    });

    it('should take the replacement character itself, and a byte order mark', async () => {
      const body = `\ufeff${JSON.stringify({ ...MODEL, name: 'marked', description: '\ufffd' })}`;
      const answer = await acme.post('/api/v1/models', body, JSON_TYPE);
      expect([answer.status, answer.body.description]).toEqual([201, '\ufffd']);
    });
  });

  describe('with NaN or Infinity', () => {
    it.each<[string, string, string]>([
      ['{"model_id":"m","features":{"a":1,"avg":NaN}}', 'NaN', ' for "avg"'],
      ['{"features":[{"x":1},{"x": -Infinity }]}', '-Infinity', ' for "x"'],
      ['{"features":{"x":Infinity}}', 'Infinity', ' for "x"'],
      ['{"tags":["NaN",NaN]}', 'NaN', ' for "tags"'],
      ['{"a":"say \\"Infinity\\"","b":NaN}', 'NaN', ' for "b"'],
      ['NaN', 'NaN', ''],
    ])('should name what %j holds', async (json, found, where) => {
      for (const path of ['/api/v1/models', '/api/v1/predictions']) {
        const { status, body } = await acme.post(path, json, JSON_TYPE);
        expect([status, body.detail]).toEqual([
          400,
          `the body holds ${found}${where}, which JSON has not; send null for a missing value`,
        ]);
      }
    });

    it('should not take long to read what is built to take long', async () => {
      for (const json of [
        `"${'\\\\"'.repeat(80_000)}`,
        `{"a":"${'\\\\'.repeat(100_000)}`,
        '-'.repeat(250_000),
      ])
        expect((await acme.post('/api/v1/models', json, JSON_TYPE)).status).toBe(400);
    });

    it.each(['{"name":"NaN"', '{"NaN":1,}', '{name:1}', '{"a":NaNa}', '{"a":xNaN}'])(
      'should not blame %j on it',
      async (json) => {
        const { status, body } = await acme.post('/api/v1/models', json, JSON_TYPE);
        expect(status).toBe(400);
        expect(body.detail).not.toContain('the body holds');
      },
    );

    it('should take a text that says so', async () => {
      const { status } = await acme.post('/api/v1/models', { ...MODEL, name: 'nan', description: 'NaN' });
      expect(status).toBe(201);
    });
  });

  describe('with numbers that are no numbers', () => {
    it.each<[string, string]>([
      ['1e400', '1e400'],
      ['minus 1e400', '-1e400'],
      ['a number past 2^53', '9007199254740993'],
      ['a fraction', '1.5'],
      ['a negative one', '-1'],
    ])('should refuse %s where a count is asked for', async (_, number) => {
      const body = `{"model_name":"n","framework":"sklearn","data_config":{"train_path":"s3://data/x.csv","target_column":"y"},"training_config":{"epochs":${number}}}`;
      const answer = await acme.post('/api/v1/training', body, JSON_TYPE);
      expect([400, 422]).toContain(answer.status);
      expect(answer.body.errors[0].pointer).toBe('/training_config/epochs');
    });
  });

  describe('with names that look alike', () => {
    const register = (name: string): Promise<Answer> => acme.post('/api/v1/models', { ...MODEL, name });

    it('should refuse a model name that looks like another one or like nothing', async () => {
      expect((await register('caf\u00e9')).status).toBe(201);
      for (const name of ['cafe\u0301', 'a\u202egnp', 'a\u{1f600}', 'a\u200bb', '\ufeffa', 'a\ud800']) {
        const { status, body } = await register(name);
        expect([status, body.errors?.[0].pointer]).toEqual([400, '/name']);
      }
    });

    it('should keep composed and decomposed object names apart, as they were sent', async () => {
      for (const name of ['caf\u00e9', 'cafe\u0301', '\u{1f600}', '\u202egnp']) {
        const path = `/api/v1/objects/data/names/${encodeURIComponent(name)}`;
        expect((await acme.put(path, Buffer.from(name))).status).toBe(200);
        expect((await acme.get(path)).body).toBe(name);
      }
      const { body } = await acme.get(`/api/v1/objects?prefix=${encodeURIComponent('s3://data/names/')}`);
      expect(body.data).toHaveLength(4);
    });

    it('should keep what a tag says to the letter', async () => {
      const tags = { a: 'cafe\u0301 \u202e \u{1f600}' };
      const { body } = await acme.post('/api/v1/models', { ...MODEL, name: 'tagged', tags });
      expect((await acme.get(`/api/v1/models/${body.model_id}`)).body.tags).toEqual(tags);
    });
  });

  describe('with more than one meaning on the wire', () => {
    it.each<[string, string]>([
      ['two lengths', 'content-length: 2\r\ncontent-length: 3'],
      ['a length and chunks', 'content-length: 2\r\ntransfer-encoding: chunked'],
      ['a length that is no number', 'content-length: 0x2'],
      ['a header that is folded', 'x-a: b\r\n c: d\r\ncontent-length: 2\r\n\tcontent-length: 9'],
      ['a bare line feed in a header', 'x-a: b\nx-injected: c\r\ncontent-length: 2\u0000'],
    ])('should refuse %s', async (_, headers) => {
      const request = `POST /api/v1/models HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\n${headers}\r\n\r\n{}`;
      expect(await converse(request)).toMatch(/^HTTP\/1.1 400 /);
    });

    it('should not send back a header that a caller tries to smuggle into an answer', async () => {
      const names = ['%0d%0ax-injected:%201', '%0ax-injected:%201', '%E5%98%8D%E5%98%8Ax-injected:%201'];
      for (const name of names) {
        for (const path of [
          `/api/v1/models/${name}`,
          `/api/v1/objects/data/${name}`,
          `/api/v1/models?name=${name}`,
        ]) {
          const { headers } = await sendRaw({ url: service.url, path, headers: { authorization } });
          expect(headers.has('x-injected')).toBe(false);
        }
      }
    });
  });

  it.each(['PUT', 'GET', 'DELETE'])(
    'should not take a folder for an object: %s with a slash at its end',
    async (method) => {
      await acme.put('/api/v1/objects/data/folder', Buffer.from('kept'));
      const { status, body } = await acme.send(
        method,
        '/api/v1/objects/data/folder/',
        method === 'PUT' ? Buffer.from('lost') : undefined,
      );
      expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
      expect((await acme.get('/api/v1/objects/data/folder')).body).toBe('kept');
    },
  );
});
