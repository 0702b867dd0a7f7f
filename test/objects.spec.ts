import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type Client } from './support/client.js';
import { sendRaw } from './support/raw-request.js';
import { Service } from './support/service.js';
import { signToken } from './support/tokens.js';

const OBJECTS = '/api/v1/objects';
const MAX_BYTES = 12 * 2 ** 20;

const sha256 = (content: Uint8Array | string): string => createHash('sha256').update(content).digest('hex');
const uris = ({ body }: Answer): string[] => body.data.map(({ uri }: { uri: string }) => uri);

describe('objects', () => {
  let service: Service;
  let acme: Client;
  let token: string;
  let outside: string;

  beforeAll(async () => {
    service = await Service.start({ env: { MODELPLANE_MAX_OBJECT_BYTES: String(MAX_BYTES) } });
    acme = await service.as('acme-corp', 'scientist');
    token = await signToken({ tenant: 'acme-corp' });
    outside = await mkdtemp(join(tmpdir(), 'modelplane-outside-'));
  });
  afterAll(async () => {
    await service?.stop();
    await rm(outside, { recursive: true, force: true });
  });

  const inStore = (...path: string[]): string => join(service.stateDir, 'objects', ...path);
  const raw = (method: string, path: string, body?: string): Promise<Answer> =>
    sendRaw({ url: service.url, method, path, body, headers: { authorization: `Bearer ${token}` } });
  const bytesOf = async (path: string, headers: Record<string, string> = {}): Promise<Buffer> => {
    const response = await fetch(service.url + path, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    return Buffer.from(await response.arrayBuffer());
  };
  const everyFile = async (): Promise<string[]> => (await readdir(inStore(), { recursive: true })).sort();

  describe('one object', () => {
    it('should come back as it was sent, and be gone after its deletion', async () => {
      const content = randomBytes(10 * 2 ** 20);
      const path = `${OBJECTS}/data/round/trip.bin`;
      const stored = await acme.put(path, content, { 'content-type': 'application/x-parquet' });
      expect(stored.status).toBe(200);
      expect(stored.body).toEqual({
        uri: 's3://data/round/trip.bin',
        size_bytes: content.length,
        sha256: sha256(content),
        etag: expect.any(String),
      });

      const read = await acme.get(path);
      expect(read.status).toBe(200);
      expect(Object.fromEntries(read.headers)).toMatchObject({
        'content-type': 'application/octet-stream',
        'content-length': String(content.length),
        'accept-ranges': 'bytes',
        etag: `"${stored.body.etag}"`,
        'last-modified': expect.stringMatching(/GMT$/),
      });
      expect(sha256(await bytesOf(path))).toBe(sha256(content));

      expect((await acme.delete(path)).status).toBe(204);
      expect((await acme.get(path)).body).toMatchObject({ status: 404, code: 'NOT_FOUND' });
      expect((await acme.delete(path)).status).toBe(204);
      expect(existsSync(inStore('data', 'round'))).toBe(false);
    });

    it('should be replaced by a second one under its key', async () => {
      const path = `${OBJECTS}/data/replaced.txt`;
      const first = await acme.put(path, 'first');
      const second = await acme.put(path, 'second');
      expect(second.body.etag).not.toBe(first.body.etag);
      expect((await acme.get(path)).body).toBe('second');
    });

    it('should be whole, one or the other, after ten writes at once', async () => {
      const path = `${OBJECTS}/data/contended.bin`;
      const contents = Array.from({ length: 10 }, () => randomBytes(100_000));
      const answers = await Promise.all(contents.map((content) => acme.put(path, content)));
      expect(answers.map(({ status }) => status)).toEqual(contents.map(() => 200));
      expect(contents.map(sha256)).toContain(sha256(await bytesOf(path)));
    });

    it('may be empty', async () => {
      const path = `${OBJECTS}/data/empty`;
      const stored = await acme.put(path, '');
      expect(stored.body).toMatchObject({ size_bytes: 0, sha256: sha256('') });
      const read = await acme.get(path);
      expect([read.status, read.headers.get('content-length'), read.body]).toEqual([200, '0', '']);
      // Not a byte of it can be in a range.
      expect((await acme.get(path, { range: 'bytes=0-0' })).status).toBe(416);
    });

    it('may be sent without a body or a length', async () => {
      expect((await raw('PUT', `${OBJECTS}/data/no-body`)).body).toMatchObject({ size_bytes: 0 });
    });

    it.each([
      ['application/json', '{"not": json'],
      ['application/json; charset=utf-8', ''],
      ['application/json', '{"__proto__": 1}'],
      ['text/plain', 'text'],
      ['text/csv', 'a,b\n1,2\n'],
      ['application/x-www-form-urlencoded', 'a=1&b=2'],
      ['multipart/form-data; boundary=x', '--x\r\n\r\n--x--'],
      ['application/vnd.apache.parquet', 'PAR1'],
      ['no/such; type', 'x'],
      ['garbage', 'x'],
      [undefined, 'no content type'],
    ])('should be taken as it is, sent as %s', async (type, content) => {
      const path = `${OBJECTS}/data/typed`;
      const headers = { authorization: `Bearer ${token}`, ...(type && { 'content-type': type }) };
      const stored = await sendRaw({ url: service.url, method: 'PUT', path, headers, body: content });
      expect(stored.status).toBe(200);
      expect(stored.body.sha256).toBe(sha256(content));
      expect((await acme.get(path)).body).toBe(content);
    });

    it.each([
      ['bytes=0-3', 'bytes 0-3/10', '0123'],
      ['bytes=4-4', 'bytes 4-4/10', '4'],
      ['bytes=7-', 'bytes 7-9/10', '789'],
      ['bytes=-3', 'bytes 7-9/10', '789'],
      ['bytes=-100', 'bytes 0-9/10', '0123456789'],
      ['bytes=5-999', 'bytes 5-9/10', '56789'],
    ])('should be read in part by Range: %s', async (range, contentRange, content) => {
      await acme.put(`${OBJECTS}/data/digits`, '0123456789');
      const { status, headers, body } = await acme.get(`${OBJECTS}/data/digits`, { range });
      expect([status, headers.get('content-range'), body]).toEqual([206, contentRange, content]);
      expect(headers.get('content-length')).toBe(String(content.length));
    });

    it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=999999999999999-'])(
      'should not be read by Range: %s',
      async (range) => {
        await acme.put(`${OBJECTS}/data/digits`, '0123456789');
        const { status, headers, body } = await acme.get(`${OBJECTS}/data/digits`, { range });
        expect([status, body.code]).toEqual([416, 'RANGE_NOT_SATISFIABLE']);
        expect(headers.get('content-range')).toBe('bytes */10');
      },
    );

    it.each(['bytes=0-1,3-4', 'lines=0-1', 'bytes=', 'bytes=-', 'bytes=5-2', 'garbage', 'bytes=a-b'])(
      'should be read whole where the Range is %s',
      async (range) => {
        await acme.put(`${OBJECTS}/data/digits`, '0123456789');
        const { status, body } = await acme.get(`${OBJECTS}/data/digits`, { range });
        expect([status, body]).toEqual([200, '0123456789']);
      },
    );

    it('should answer HEAD with its head alone', async () => {
      const { body: stored } = await acme.put(`${OBJECTS}/data/digits`, '0123456789');
      const { status, headers, body } = await acme.send('HEAD', `${OBJECTS}/data/digits`);
      expect([status, body]).toEqual([200, '']);
      expect(Object.fromEntries(headers)).toMatchObject({
        'content-length': '10',
        'accept-ranges': 'bytes',
        etag: `"${stored.etag}"`,
      });
      expect((await acme.send('HEAD', `${OBJECTS}/data/absent`)).status).toBe(404);
      expect((await acme.send('HEAD', `${OBJECTS}/modelplane/x`)).status).toBe(403);
    });

    it.each([
      'with space.csv',
      'müller/данные/数据.parquet',
      'emoji \u{1f4ca}.csv',
      'quote\'s "double" & <tag>',
      'percent%2Fnot a slash',
      '100%',
      'plus+and=and?and#',
      '~.hidden',
      '...',
      'a:b@c,d;e!f$g(h)',
      `${'long'.repeat(60)}/${'long'.repeat(60)}`,
    ])('may have the key %s', async (key) => {
      const path = `${OBJECTS}/data/keys/${key.split('/').map(encodeURIComponent).join('/')}`;
      const stored = await acme.put(path, key);
      expect([stored.status, stored.body.uri]).toEqual([200, `s3://data/keys/${key}`]);
      expect((await acme.get(path)).body).toBe(key);
      expect(uris(await acme.get(`${OBJECTS}?prefix=s3://data/keys/`))).toEqual([`s3://data/keys/${key}`]);
      expect((await acme.delete(path)).status).toBe(204);
    });

    it('should be readable when a file was copied to its place by hand', async () => {
      await mkdir(inStore('data', 'by hand'), { recursive: true });
      await copyFile('package.json', inStore('data', 'by hand', 'package.json'));
      const { status, body } = await acme.get(`${OBJECTS}/data/by%20hand/package.json`);
      expect(status).toBe(200);
      expect(JSON.parse(body).name).toBe('modelplane');
      expect(uris(await acme.get(`${OBJECTS}?prefix=s3://data/by%20hand/`))).toEqual([
        's3://data/by hand/package.json',
      ]);
    });

    it('should not stand where another has its folder', async () => {
      await acme.put(`${OBJECTS}/data/both/a`, 'x');
      for (const key of ['both', 'both/a/b']) {
        const { status, body } = await acme.put(`${OBJECTS}/data/${key}`, 'x');
        expect([status, body.code]).toEqual([409, 'OBJECT_CONFLICT']);
      }
      expect((await acme.get(`${OBJECTS}/data/both`)).status).toBe(404);
    });
  });

  describe('lists', () => {
    const keys = ['B', 'a/b', 'b', 'c d', 'é', 'я', '\u{1f4ca}'];

    beforeAll(async () => {
      for (const key of keys) {
        const path = key.split('/').map(encodeURIComponent).join('/');
        expect((await acme.put(`${OBJECTS}/predictions/listed/${path}`, key)).status).toBe(200);
      }
    });

    it.each([1, 2, 3, 6, 7, 8, 200])('should be complete and in order in pages of %i', async (limit) => {
      const seen: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const position: string = cursor && `&cursor=${cursor}`;
        const page = await acme.get(`${OBJECTS}?prefix=s3://predictions/listed/&limit=${limit}${position}`);
        expect(page.status).toBe(200);
        expect(page.body.page.count).toBe(page.body.data.length);
        seen.push(...uris(page));
        cursor = page.body.page.next_cursor;
      }
      expect(seen).toEqual(keys.map((key) => `s3://predictions/listed/${key}`));
    });

    it('should show size, time and etag', async () => {
      const { body } = await acme.get(`${OBJECTS}?prefix=s3://predictions/listed/a/`);
      expect(body.data).toEqual([
        {
          uri: 's3://predictions/listed/a/b',
          size_bytes: 3,
          etag: expect.any(String),
          last_modified: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      ]);
      const read = await acme.get(`${OBJECTS}/predictions/listed/a/b`);
      expect(read.headers.get('etag')).toBe(`"${body.data[0].etag}"`);
    });

    it('should be empty for a folder that does not exist', async () => {
      const { status, body } = await acme.get(`${OBJECTS}?prefix=s3://data/no/such/folder/`);
      expect([status, body]).toEqual([200, { data: [], page: { count: 0, next_cursor: null } }]);
    });

    it.each([
      'prefix=s3://data',
      'prefix=s3://data/a',
      'prefix=data/',
      'prefix=',
      'prefix=s3://',
      'prefix=s3:///',
      'prefix=s3://data/../',
      'prefix=s3://data//',
      'prefix=s3://data/%00/',
      'prefix=s3://data/a%5C/',
      'prefix=https://data/',
      'limit=10',
      'prefix=s3://data/&limit=0',
      'prefix=s3://data/&limit=1000',
      'prefix=s3://data/&cursor=garbage',
      'prefix=s3://data/&recursive=true',
      'prefix=s3://data/&prefix=s3://predictions/',
    ])('should refuse ?%s', async (query) => {
      const { status, body } = await acme.get(`${OBJECTS}?${query}`);
      expect([status, body.code]).toEqual([400, 'INVALID_REQUEST']);
    });
  });

  describe('grants', () => {
    const forbidden = async (client: Client, path: string): Promise<unknown[]> =>
      Promise.all(
        ['GET', 'PUT', 'DELETE'].map(async (method) => {
          const { status, body } = await client.send(
            method,
            `${OBJECTS}/${path}`,
            method === 'PUT' ? 'x' : undefined,
          );
          return [status, body.code];
        }),
      );
    const FORBIDDEN = Array(3).fill([403, 'FORBIDDEN']);

    it('should give every tenant its own folder', async () => {
      for (const tenant of ['acme-corp', 'globex', 'a']) {
        const client = await service.as(tenant);
        expect((await client.put(`${OBJECTS}/tenants/${tenant}/x`, tenant)).status).toBe(200);
        expect((await client.get(`${OBJECTS}/tenants/${tenant}/x`)).body).toBe(tenant);
        expect(uris(await client.get(`${OBJECTS}?prefix=s3://tenants/${tenant}/`))).toEqual([
          `s3://tenants/${tenant}/x`,
        ]);
      }
    });

    it.each([
      'tenants/globex/x',
      'tenants/globex/absent',
      'tenants/acme/x',
      'tenants/acme-corp2/x',
      'tenants/x',
      'modelplane/acme-corp/x',
      'modelplane/x',
      'other/x',
      'data2/x',
      'dat/x',
    ])('should keep acme-corp out of %s', async (path) => {
      expect(await forbidden(acme, path)).toEqual(FORBIDDEN);
      const folder = path.slice(0, path.lastIndexOf('/') + 1);
      expect((await acme.get(`${OBJECTS}?prefix=s3://${folder}`)).status).toBe(403);
    });

    it('should keep all others out of data and predictions', async () => {
      await acme.put(`${OBJECTS}/data/present`, 'x');
      const globex = await service.as('globex');
      for (const path of ['data/present', 'data/absent', 'predictions/absent']) {
        expect(await forbidden(globex, path)).toEqual(FORBIDDEN);
      }
      for (const bucket of ['data', 'predictions', 'tenants', 'modelplane']) {
        expect((await globex.get(`${OBJECTS}?prefix=s3://${bucket}/`)).status).toBe(403);
      }
      expect((await acme.get(`${OBJECTS}/data/present`)).body).toBe('x');
    });

    it('should not wait for a body that it refuses', async () => {
      const globex = await service.as('globex');
      const { status } = await globex.put(`${OBJECTS}/data/large`, randomBytes(MAX_BYTES));
      expect(status).toBe(403);
      expect((await globex.get(`${OBJECTS}?prefix=s3://tenants/globex/`)).status).toBe(200);
    });
  });

  describe('paths', () => {
    beforeAll(async () => {
      await writeFile(join(outside, 'secret'), 'secret');
      await mkdir(inStore('modelplane', 'acme-corp'), { recursive: true });
      await writeFile(inStore('modelplane', 'acme-corp', 'secret'), 'secret');
    });

    it.each([
      'data/../modelplane/acme-corp/secret',
      'data/%2e%2e/modelplane/acme-corp/secret',
      'data/%2E%2E%2Fmodelplane%2Facme-corp%2Fsecret',
      'data/..%2fmodelplane%2facme-corp%2fsecret',
      'data/.%2e/modelplane/acme-corp/secret',
      'tenants/acme-corp/../../modelplane/acme-corp/secret',
      'data/./../modelplane/acme-corp/secret',
      '../objects/modelplane/acme-corp/secret',
      '%2e%2e/objects/modelplane/acme-corp/secret',
      'data/..%5cmodelplane%5cacme-corp%5csecret',
      'data\\..\\modelplane\\acme-corp\\secret',
      'data/a%00b',
      'data/%00',
      'data%00/a',
      'data//a',
      'data/a//b',
      'data/a%2f%2fb',
      '/etc/passwd',
      '//etc/passwd',
      '%2fetc%2fpasswd',
      'data//etc/passwd',
      'data/%2fetc%2fpasswd',
      '.tmp/x',
      'data/.x.partial',
      'data/a%0ab',
      'data/%ff',
      'data/%c0%ae%c0%ae/x',
      'data/%zz',
      'data/%',
      'data',
      'data/',
      'DATA/x',
      `data/${'a'.repeat(256)}`,
      `data/${'a/'.repeat(600)}b`,
    ])('should not lead out of the folder: %s', async (path) => {
      const before = await everyFile();
      for (const method of ['GET', 'PUT', 'DELETE', 'HEAD']) {
        const { status, body } = await raw(
          method,
          `${OBJECTS}/${path}`,
          method === 'PUT' ? 'overwritten' : undefined,
        );
        expect([400, 403, 404]).toContain(status);
        expect(JSON.stringify(body)).not.toContain(service.stateDir);
        expect(JSON.stringify(body)).not.toContain('"secret');
      }
      expect(await everyFile()).toEqual(before);
    });

    it('should not lead out of the folder through symbolic links', async () => {
      await mkdir(inStore('data'), { recursive: true });
      await symlink(outside, inStore('data', 'link'));
      await symlink(join(outside, 'secret'), inStore('data', 'file-link'));
      try {
        for (const key of ['link/secret', 'file-link', 'link/new']) {
          const read = await acme.get(`${OBJECTS}/data/${key}`);
          expect([400, 404]).toContain(read.status);
          expect(JSON.stringify(read.body)).not.toContain(outside);
        }
        expect((await acme.put(`${OBJECTS}/data/link/new`, 'x')).status).toBe(400);
        expect((await acme.delete(`${OBJECTS}/data/link/secret`)).status).toBe(400);
        expect(
          uris(await acme.get(`${OBJECTS}?prefix=s3://data/`)).filter((uri) => /link/.test(uri)),
        ).toEqual([]);
        expect(await readdir(outside)).toEqual(['secret']);
      } finally {
        for (const name of ['link', 'file-link']) await rm(inStore('data', name));
      }
    });
  });

  describe('uploads that fail', () => {
    it('should be refused past the limit, and leave nothing', async () => {
      const before = await everyFile();
      const exact = await acme.put(`${OBJECTS}/data/exact`, Buffer.alloc(MAX_BYTES));
      expect(exact.status).toBe(200);
      await acme.delete(`${OBJECTS}/data/exact`);

      const { status, body } = await acme.put(`${OBJECTS}/data/too-large`, Buffer.alloc(MAX_BYTES + 1));
      expect([status, body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
      expect((await acme.get(`${OBJECTS}/data/too-large`)).status).toBe(404);
      expect(await everyFile()).toEqual(before);
    });

    it('should leave nothing when they are interrupted, nor touch the object that was there', async () => {
      await acme.put(`${OBJECTS}/data/kept`, 'as it was');
      const before = await everyFile();
      for (const key of ['kept', 'never']) {
        await interruptedUpload(`${OBJECTS}/data/${key}`);
        await until(async () => (await everyFile()).join() === before.join());
      }
      expect((await acme.get(`${OBJECTS}/data/kept`)).body).toBe('as it was');
      expect((await acme.get(`${OBJECTS}/data/never`)).status).toBe(404);
    });

    /** Announces 1 MB, sends a tenth of it and hangs up once the service has begun to write. */
    async function interruptedUpload(path: string): Promise<void> {
      const { hostname, port } = new URL(service.url);
      const upload = request({
        hostname,
        port,
        path,
        method: 'PUT',
        headers: { authorization: `Bearer ${token}`, 'content-length': 1_000_000 },
      });
      const closed = new Promise((resolve) => upload.on('error', () => undefined).on('close', resolve));
      upload.write(randomBytes(100_000));
      await until(async () => (await readdir(inStore('.tmp'))).length > 0);
      upload.destroy();
      await closed;
    }
  });
});

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; !(await isTrue()); await sleep(10)) {
    if (Date.now() > end) throw new Error('it did not come to pass within ten seconds');
  }
}
