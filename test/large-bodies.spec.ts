import { gzipSync } from 'node:zlib';
import type { Answer, Client } from './support/client.js';
import { sendRaw } from './support/raw-request.js';
import { Service } from './support/service.js';
import { signToken } from './support/tokens.js';
import { makeUploads, registerModel, upload, uploadForm } from './support/uploads.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const PREDICTIONS = ['/api/v1/predictions', '/api/v1/predictions/async'];
/** A list of so many items, as JSON. */
const list = (items: number, item: string) => `[${`${item},`.repeat(items - 1)}${item}]`;
const keys = (names: number) => `{${Array.from({ length: names }, (_, at) => `"k${at}":1`).join(',')}}`;

describe('large bodies', () => {
  let service: Service;
  let acme: Client;
  let authorization: string;
  let model: string;

  beforeAll(async () => {
    const files = await makeUploads();
    service = await Service.start();
    acme = await service.as('acme-corp');
    authorization = `Bearer ${await signToken({ tenant: 'acme-corp' })}`;
    model = await registerModel(acme, 'classification');
    const signature = { features: ['a', 'b', 'c', 'd'] };
    expect((await upload(acme, model, files.get('good-packed.onnx')!, signature)).status).toBe(201);
  });
  afterAll(() => service?.stop());

  const post = (path: string, body: string | Uint8Array, headers = {}): Promise<Answer> =>
    acme.post(path, body, { ...JSON_TYPE, ...headers });
  const faults = ({ status, body }: Answer) => [status, body.errors ?? body.detail];
  const row = (at: number, padding = '') => ({ a: at, b: 1, c: -1, d: 0.5, ...(padding && { padding }) });

  describe('of rows to be predicted', () => {
    it('should be answered as small ones are, row by row', async () => {
      const options = { return_probabilities: true };
      const rows = Array.from({ length: 1000 }, (_, at) => row(at / 100));
      const spaced = JSON.stringify({ model_id: model, features: rows, options }, null, 20);
      expect(spaced.length).toBeGreaterThan(2 ** 17);
      const { status, body, headers } = await post('/api/v1/predictions', spaced);
      expect([status, body.prediction.length]).toEqual([200, 1000]);
      expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
      const few = await acme.post('/api/v1/predictions', {
        model_id: model,
        features: rows.slice(500, 503),
        options,
      });
      expect(body.probabilities.slice(500, 503)).toEqual(few.body.probabilities);
    });

    it.each<[string, string, string]>([
      ['many numbers in one row', `{"a":${list(200_000, '1')}}`, 'one item of a list'],
      ['hundreds of thousands of names', keys(300_000), 'one item of a list'],
      [
        'more rows than any request may have',
        list(200_000, '{"a":1}'),
        'a list must not hold more than 100000 items',
      ],
      ['thousands of levels', `${'['.repeat(1e5)}${']'.repeat(1e5)}`, 'must not nest deeper than 32 levels'],
    ])('should be refused by their shape: %s', async (_, features, message) => {
      for (const path of PREDICTIONS) {
        const [status, errors] = faults(await post(path, `{"model_id":"${model}","features":${features}}`));
        expect([status, errors]).toEqual([400, [{ pointer: '', message: expect.stringContaining(message) }]]);
      }
    });

    it('should be refused at thousands of levels where they are small, with a key or without', async () => {
      const body = `{"model_id":"${model}","features":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`;
      for (const path of PREDICTIONS)
        for (const headers of [{}, { 'idempotency-key': 'deep' }])
          expect((await post(path, body, headers)).body.detail).toMatch(/deeper than 32 levels/);
    });

    it('should name a fault behind the first pieces', async () => {
      const rows = Array.from({ length: 900 }, (_, at) => JSON.stringify(row(at, 'x'.repeat(400))));
      const body = (last: string) => `{"model_id":"${model}","features":[${rows.join(',')},${last}]}`;
      expect((await post('/api/v1/predictions', body('{"a":NaN}'))).body.detail).toContain(
        'holds NaN for "a"',
      );
      expect((await post('/api/v1/predictions', body('{"a":'))).body.detail).toMatch(/not valid JSON/);
      expect((await post('/api/v1/predictions', body('{"__proto__":1}'))).body.detail).toMatch(
        /not valid JSON/,
      );
    });

    it('should be the same under an Idempotency-Key by their bytes', async () => {
      const body = JSON.stringify(
        { model_id: model, features: Array.from({ length: 900 }, (_, at) => row(at)) },
        null,
        40,
      );
      const headers = { 'idempotency-key': 'large' };
      const first = await post(PREDICTIONS[1]!, body, headers);
      expect(first.status).toBe(202);
      expect((await post(PREDICTIONS[1]!, body, headers)).body.job_id).toBe(first.body.job_id);
      expect((await post(PREDICTIONS[1]!, `${body} `, headers)).status).toBe(422);
      const { body: waiting } = await acme.get(`${PREDICTIONS[1]}/${first.body.job_id}`);
      expect(waiting.request).toMatchObject({ model_id: model, features: { length: 900 } });
    });
  });

  describe('of other routes', () => {
    const name = (length: number) => JSON.stringify({ name: 'x'.repeat(length) });

    it('should be refused by their length before they are read, as long as they say it', async () => {
      const body = name(300_000);
      for (const path of ['/api/v1/models', '/api/v1/training', '/api/v1/predictions/batch']) {
        const sentence = `The body has ${body.length} bytes; this route takes a body of 262144 bytes at most.`;
        expect(faults(await post(path, body))).toEqual([413, sentence]);
      }
      const headers = { ...JSON_TYPE, authorization, 'transfer-encoding': 'chunked' };
      const chunked = { url: service.url, method: 'POST', path: '/api/v1/models', headers, body };
      expect((await sendRaw(chunked)).body.code).toBe('PAYLOAD_TOO_LARGE');
      const zipped = await post('/api/v1/models', gzipSync(body), { 'content-encoding': 'gzip' });
      expect(zipped.body.code).toBe('PAYLOAD_TOO_LARGE');
    });

    it.each<[string, string, string]>([
      ['names', `{"name":${keys(1001)}}`, 'an object must not hold more than 1000 names'],
      [
        'objects',
        `{"name":${list(80_000, '{}')}}`,
        'the body must not hold more than 1000 objects and lists',
      ],
      ['values', `{"name":${list(120_000, '1')}}`, 'the body must not hold more than 12000 values'],
    ])('should be refused by their shape: many %s', async (_, body, message) => {
      expect(faults(await post('/api/v1/models', body))).toEqual([400, [{ pointer: '', message }]]);
    });

    it('should have their lists counted before an item is looked at', async () => {
      const answer = await acme.put(`/api/v1/models/${model}/prediction-log`, {
        redacted_features: Array.from({ length: 1001 }, () => 1),
      });
      const message = 'must not hold more than 1000 items, holds 1001';
      expect(faults(answer)).toEqual([400, [{ pointer: '/redacted_features', message }]]);
      const roles = await acme.post('/api/v1/api-keys', {
        name: 'k',
        roles: Array.from({ length: 9 }, () => 'no'),
      });
      expect(faults(roles)[1]).toEqual([
        { pointer: '/roles', message: expect.stringMatching(/more than \d items/) },
      ]);
    });
  });

  describe('of the signature of an upload', () => {
    const send = async (signature: string) =>
      faults(await acme.post(`/api/v1/models/${model}/versions`, uploadForm(Buffer.from('x'), signature)));

    it.each<[string, string, string, string]>([
      [
        'names',
        `{"features":${list(90_000, '""')}}`,
        '/features',
        'must not hold more than 10000 items, holds 90000',
      ],
      [
        'more names',
        `{"features":${list(300_000, '""')}}`,
        '',
        'a list must not hold more than 100000 items',
      ],
      ['objects', `{"example":{"a":${list(90_000, '{}')}}}`, '', 'must not hold more than 20000 values'],
      [
        'categories',
        `{"features":[{"name":"a","categories":${list(10_001, '1')}}]}`,
        '/features/0/categories',
        'more than 10000 items',
      ],
      ['levels', `{"example":${'['.repeat(1e5)}`, '', 'must not nest deeper than 32 levels'],
    ])('should be refused by their sizes: many %s', async (_, signature, pointer, message) => {
      const errors = [{ pointer: `/signature${pointer}`, message: expect.stringContaining(message) }];
      expect(await send(signature)).toEqual([400, errors]);
    });

    it('should have the faults of all features named, up to a hundred', async () => {
      const [status, errors] = await send(
        `{"features":["a",1,${list(9000, '{"name":"b","kind":1}')}]}`.replace('[{', '{').replace('}]]', '}]'),
      );
      expect([status, errors.length]).toEqual([400, 101]);
      expect(errors[0].pointer).toBe('/signature/features/1');
      expect(errors[1]).toEqual({ pointer: '/signature/features/2/kind', message: 'is not a known field' });
    });
  });
});

describe('what a large body costs', () => {
  const services: Service[] = [];
  afterEach(async () => {
    for (const service of services.splice(0)) await service.stop();
  });
  const left = ({ headers }: Answer) => Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);

  it('should be a token more for each so many bytes, taken before it is parsed', async () => {
    const env = {
      MODELPLANE_RATE_LIMIT_PER_MINUTE: '1',
      MODELPLANE_RATE_LIMIT_BURST: '20',
      MODELPLANE_RATE_LIMIT_BODY_BYTES: '100',
    };
    services.push(await Service.start({ env }));
    const acme = await services[0]!.as('acme-corp');
    const post = (bytes: number, path = '/api/v1/models') => acme.post(path, 'x'.padEnd(bytes), JSON_TYPE);
    // What is no JSON has not come as far as its request's own token.
    expect((await post(99)).status).toBe(400);
    expect(left(await acme.get('/api/v1/models'))).toBe(19);
    expect((await post(1000)).status).toBe(400);
    expect(left(await acme.get('/api/v1/models'))).toBe(8);
    for (const path of ['/api/v1/models', '/api/v1/predictions']) {
      const refused = await post(900, path);
      expect([refused.status, refused.body.code, left(refused)]).toEqual([429, 'RATE_LIMITED', 8]);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });
});
