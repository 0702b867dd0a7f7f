/** @jest-environment ./libs/object-store/test/native-errors-environment.mjs */
import {
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeObjectStore } from '../test/contract.js';
import { empty, testServer } from '../test/s3-server.js';
import {
  DigestMismatch,
  ObjectExists,
  ObjectNotFound,
  ObjectStoreUnavailable,
  ObjectTooLarge,
  S3ObjectStore,
  type S3Options,
} from './index.js';

const BUCKETS = ['data', 'modelplane'];
const options = testServer();
const shared = new S3ObjectStore(options);

beforeAll(async () => {
  for (const bucket of BUCKETS) await shared.ensureBucket(bucket, true);
});
afterAll(() => shared.close());

describeObjectStore(
  'S3ObjectStore',
  async () => ({
    store: shared,
    dispose: async () => {
      for (const bucket of BUCKETS) await empty(shared, bucket);
    },
  }),
  'folders', // SeaweedFS
);

describe('S3ObjectStore', () => {
  const at = (key: string) => ({ bucket: 'data', key });
  const LARGE = 3 * 8 * 2 ** 20 + 5;
  const failingLate = () =>
    Readable.from(
      (function* () {
        yield randomBytes(20 * 2 ** 20);
        throw new Error('connection reset');
      })(),
    );
  const s3 = new S3Client({
    endpoint: options.endpoint,
    region: options.region,
    credentials: options.credentials,
    forcePathStyle: true,
  });
  const unfinishedUploads = async () => {
    const Bucket = `${options.bucketPrefix}data`;
    return (await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? [];
  };
  const unavailable = (store: S3ObjectStore) =>
    Promise.all([
      store.get(at('a')).catch((error: Error) => error),
      store.put(at('a'), Buffer.from('a')).catch((error: Error) => error),
      store.list({ bucket: 'data', prefix: '' }).catch((error: Error) => error),
    ]);

  afterEach(() => empty(shared, 'data'));
  afterAll(() => s3.destroy());

  it.each([8 * 2 ** 20 - 1, 8 * 2 ** 20, 8 * 2 ** 20 + 1, LARGE])(
    'should give back %d bytes that were sent in parts',
    async (size) => {
      const bytes = randomBytes(size);
      const pieces = Array.from({ length: Math.ceil(size / 700_000) }, (_, piece) =>
        bytes.subarray(piece * 700_000, (piece + 1) * 700_000),
      );
      const digest = createHash('sha256').update(bytes).digest('hex');
      const stored = await shared.put(at('large'), Readable.from(pieces), { sha256: digest });
      expect(stored).toMatchObject({ size, sha256: digest });
      const { stream, etag } = await shared.get(at('large'));
      expect(etag).toBe(stored.etag);
      expect((await buffer(stream)).equals(bytes)).toBe(true);
    },
  );

  // SeaweedFS checks the condition when an upload in parts is completed, but lets two that end at once both win.
  it('should refuse a large upload that another writer overtook, and leave nothing of it', async () => {
    const body = Readable.from(
      (async function* () {
        yield randomBytes(20 * 2 ** 20);
        await shared.put(at('large'), Buffer.from('first'));
        yield randomBytes(5 * 2 ** 20);
      })(),
    );
    await expect(shared.put(at('large'), body, { ifAbsent: true })).rejects.toThrow(ObjectExists);
    expect((await buffer((await shared.get(at('large'))).stream)).toString()).toBe('first');
    expect(await unfinishedUploads()).toEqual([]);
  });

  it('should leave no parts of an upload that failed, was refused or aborted', async () => {
    await expect(shared.put(at('large'), failingLate())).rejects.toThrow('connection reset');
    await expect(shared.put(at('large'), randomBytes(LARGE), { sha256: '0'.repeat(64) })).rejects.toThrow(
      DigestMismatch,
    );
    await expect(shared.put(at('large'), randomBytes(LARGE), { maxBytes: LARGE - 1 })).rejects.toThrow(
      ObjectTooLarge,
    );
    const stop = new AbortController();
    const endless = Readable.from(
      (function* () {
        for (let part = 0; ; part++) {
          if (part === 3) stop.abort(new Error('stopped'));
          yield randomBytes(8 * 2 ** 20);
        }
      })(),
    );
    await expect(shared.put(at('large'), endless, { signal: stop.signal })).rejects.toThrow('stopped');
    expect(await unfinishedUploads()).toEqual([]);
    expect((await shared.list({ bucket: 'data', prefix: '' })).objects).toEqual([]);
  });

  it('should not list what no URI can spell, and page past it', async () => {
    const Bucket = `${options.bucketPrefix}data`;
    const keys = ['folder/', 'a/.x.partial', 'b/.y.partial'];
    for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.from('x') }));
    await shared.put(at('z'), Buffer.from('z'));
    const page = await shared.list({ bucket: 'data', prefix: '', limit: 1 });
    expect(page).toMatchObject({ objects: [{ key: 'z' }], truncated: false });
    for (const Key of keys) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  });

  it('should sign URLs under which anybody reads and writes until they expire', async () => {
    const put = await shared.presign(at('signed ü.bin'), 'PUT', 60);
    expect((await fetch(put, { method: 'PUT', body: 'signed' })).status).toBe(200);
    const get = await shared.presign(at('signed ü.bin'), 'GET', 60);
    expect(await (await fetch(get)).text()).toBe('signed');
    expect((await fetch(get, { method: 'DELETE' })).status).toBe(403);
    expect((await fetch(get.replace('signed', 'other'))).status).toBe(403);
    const short = await shared.presign(at('signed ü.bin'), 'GET', 1);
    await sleep(2100);
    expect((await fetch(short)).status).toBe(403);
  });

  it.each<[string, Partial<S3Options>, RegExp]>([
    [
      'a wrong key',
      { credentials: { accessKeyId: 'nobody', secretAccessKey: 'x' } },
      /refuses this service's access key/,
    ],
    [
      'a wrong secret',
      { credentials: { ...options.credentials!, secretAccessKey: 'x' } },
      /refuses this service's access key/,
    ],
    ['a server that is not there', { endpoint: 'http://127.0.0.1:1' }, /cannot be reached/],
  ])('should say in a sentence that there is %s', async (_, changes, sentence) => {
    const store = new S3ObjectStore({ ...options, ...changes });
    for (const error of await unavailable(store)) {
      expect(error).toBeInstanceOf(ObjectStoreUnavailable);
      expect((error as Error).message).toMatch(sentence);
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('Signature=');
    }
    store.close();
  });

  it('should name a bucket that is missing', async () => {
    const nowhere = { bucket: 'nowhere', key: 'a' };
    await expect(shared.put(nowhere, Buffer.from('a'))).rejects.toThrow('has no bucket nowhere');
    await expect(shared.ensureBucket('nowhere', false)).rejects.toThrow(
      `has no bucket ${options.bucketPrefix}nowhere`,
    );
    await expect(shared.get(nowhere)).rejects.toThrow(ObjectNotFound);
  });

  it('should take a server that does not answer in time for unavailable', async () => {
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const store = new S3ObjectStore({ ...options, endpoint, timeoutMs: 200 });
    for (const error of await unavailable(store)) {
      expect(error).toBeInstanceOf(ObjectStoreUnavailable);
      expect((error as Error).message).toMatch(/did not answer in time/);
    }
    store.close();
    silent.closeAllConnections();
    silent.close();
  });

  it.each([
    ['breaks off', (response: ServerResponse) => response.destroy(), /was cut/],
    ['stops coming', () => undefined, /stopped sending/],
  ])('should end the reading of a body that %s with a sentence', async (_, then, sentence) => {
    const half = createServer((_request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000, etag: '"x"' });
      response.write(Buffer.alloc(1000), () => then(response));
    });
    half.listen(0, '127.0.0.1');
    await once(half, 'listening');
    const endpoint = `http://127.0.0.1:${(half.address() as AddressInfo).port}`;
    const store = new S3ObjectStore({ ...options, endpoint, timeoutMs: 300 });
    const { stream } = await store.get(at('a'));
    const error = await buffer(stream).catch((failure: Error) => failure);
    expect(error).toBeInstanceOf(ObjectStoreUnavailable);
    expect((error as Error).message).toMatch(sentence);
    // Whoever reads only after it broke, as a copy that first looks at its target, hears of it then.
    const late = (await store.get(at('a'))).stream;
    await sleep(500);
    await expect(buffer(late)).rejects.toThrow(sentence);
    store.close();
    half.closeAllConnections();
    half.close();
  });
});
