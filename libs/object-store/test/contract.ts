// The build compiles this folder without Jest's types; specs are excluded from it.
/// <reference types="jest" />
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  DigestMismatch,
  InvalidObjectUri,
  InvalidRange,
  ObjectExists,
  ObjectNotFound,
  ObjectTooLarge,
  type ObjectStore,
} from '../src/index.js';

/** A store with nothing in it, for one test. */
export interface EmptyStore {
  readonly store: ObjectStore;
  readonly dispose: () => Promise<void>;
}

const bucket = 'data';
const at = (key: string) => ({ bucket, key });
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** How a store sorts; S3 by the bytes of the keys, some servers each folder for itself. */
export type ListingOrder = 'bytes' | 'folders';

/** What every object store promises. Each implementation's spec calls it once. */
export function describeObjectStore(
  name: string,
  makeStore: () => Promise<EmptyStore>,
  order: ListingOrder = 'bytes',
): void {
  describe(`${name} as an object store`, () => {
    let store: ObjectStore;
    let dispose: () => Promise<void>;

    beforeEach(async () => {
      ({ store, dispose } = await makeStore());
    });
    afterEach(() => dispose());

    const put = (key: string, text = key) => store.put(at(key), Buffer.from(text));
    const read = async (key: string) => (await buffer((await store.get(at(key))).stream)).toString();
    const keys = async (prefix = '') => (await store.list({ bucket, prefix })).objects.map(({ key }) => key);

    describe('put and get', () => {
      it('should give back what was put, with its digest', async () => {
        const bytes = randomBytes(300_000);
        const stored = await store.put(
          at('a/b.bin'),
          Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]),
        );
        expect(stored).toEqual({ size: bytes.length, sha256: sha256(bytes), etag: expect.any(String) });

        const content = await store.get(at('a/b.bin'));
        expect(content).toMatchObject({ size: bytes.length, etag: stored.etag, range: null });
        expect(Math.abs(Date.now() - content.lastModified.getTime())).toBeLessThan(60_000);
        expect((await buffer(content.stream)).equals(bytes)).toBe(true);
        const { size, etag, lastModified } = content;
        expect(await store.head(at('a/b.bin'))).toEqual({ size, etag, lastModified });
        expect((await store.list({ bucket, prefix: '' })).objects).toEqual([
          { key: 'a/b.bin', size, etag, lastModified },
        ]);
      });

      it('should keep empty objects', async () => {
        await put('empty', '');
        expect(await read('empty')).toBe('');
        expect((await store.head(at('empty'))).size).toBe(0);
      });

      it('should replace an object and change its etag', async () => {
        const first = await put('a', 'one');
        const second = await put('a', 'two');
        expect(await read('a')).toBe('two');
        expect(second.etag).not.toBe(first.etag);
      });

      it('should let a reader finish what it began while the object is replaced', async () => {
        const old = randomBytes(2_000_000);
        await store.put(at('a'), old);
        const { stream } = await store.get(at('a'));
        await put('a', 'new');
        expect((await buffer(stream)).equals(old)).toBe(true);
      });

      it.each(['ünïcödé/日本語.parquet', 'emoji 😀/a b+c%20&=(1).csv', 'q?*[x]{y}'])(
        'should take the key %s',
        async (key) => {
          await put(key, 'x');
          expect(await read(key)).toBe('x');
          expect(await keys()).toEqual([key]);
        },
      );

      it('should say that an object does not exist', async () => {
        await put('a/b');
        for (const key of ['nothing', 'a', 'a/b/c', 'a/bb']) {
          await expect(store.get(at(key))).rejects.toThrow(ObjectNotFound);
          await expect(store.head(at(key))).rejects.toThrow(ObjectNotFound);
        }
        await expect(store.head({ bucket: 'no-such-bucket', key: 'a' })).rejects.toThrow(ObjectNotFound);
      });
    });

    describe('a refused put', () => {
      it('should leave what was there when it exists', async () => {
        await put('a', 'one');
        await expect(store.put(at('a'), Buffer.from('two'), { ifAbsent: true })).rejects.toThrow(
          ObjectExists,
        );
        expect(await read('a')).toBe('one');
      });

      it('should let exactly one of 20 concurrent writers win', async () => {
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, index) =>
            store.put(at('deep/er/a'), Readable.from([Buffer.from(`writer ${index}`)]), { ifAbsent: true }),
          ),
        );
        const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
        expect(winners).toHaveLength(1);
        expect(await read('deep/er/a')).toBe(`writer ${winners[0]}`);
        for (const result of results) {
          if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ObjectExists);
        }
      });

      it('should leave nothing behind when it is too large', async () => {
        const endless = Readable.from(
          (function* () {
            for (;;) yield Buffer.alloc(1000);
          })(),
        );
        await expect(store.put(at('x/a'), endless, { maxBytes: 9999 })).rejects.toThrow(ObjectTooLarge);
        expect(await keys()).toEqual([]);
        // Whoever sends it may still be waiting for an answer on the same connection.
        expect(endless.destroyed).toBe(false);
        endless.destroy();
        await store.put(at('x/a'), Buffer.alloc(9999), { maxBytes: 9999 });
      });

      it('should leave nothing behind when the digest differs', async () => {
        const body = Buffer.from('abc');
        await expect(store.put(at('x/a'), body, { sha256: sha256(Buffer.from('abd')) })).rejects.toThrow(
          DigestMismatch,
        );
        expect(await keys()).toEqual([]);
        await store.put(at('x/a'), body, { sha256: sha256(body) });
      });

      it('should leave nothing behind when the upload fails, ends early or is aborted', async () => {
        const failing = Readable.from(
          (function* () {
            yield Buffer.from('abc');
            throw new Error('connection reset');
          })(),
        );
        await expect(store.put(at('x/a'), failing)).rejects.toThrow('connection reset');

        const cut = new Readable({ read: () => undefined });
        cut.push('abc');
        setTimeout(() => cut.destroy(), 20);
        await expect(store.put(at('x/a'), cut)).rejects.toThrow(/premature/i);

        const stalled = new Readable({ read: () => undefined });
        stalled.push('abc');
        await expect(store.put(at('x/a'), stalled, { signal: AbortSignal.timeout(20) })).rejects.toThrow();
        await expect(
          store.put(at('x/a'), Buffer.from('abc'), { signal: AbortSignal.abort() }),
        ).rejects.toThrow();

        expect(await keys()).toEqual([]);
      });
    });

    describe('ranges', () => {
      it.each<[string, { start: number; end?: number }, string, { start: number; end: number }]>([
        ['first bytes', { start: 0, end: 2 }, '012', { start: 0, end: 2 }],
        ['one byte', { start: 9, end: 9 }, '9', { start: 9, end: 9 }],
        ['to the end', { start: 7 }, '789', { start: 7, end: 9 }],
        ['past the end', { start: 7, end: 1000 }, '789', { start: 7, end: 9 }],
      ])('should read the %s', async (_, range, expected, resolved) => {
        await put('digits', '0123456789');
        const content = await store.get(at('digits'), { range });
        expect(content).toMatchObject({ size: 10, range: resolved });
        expect((await buffer(content.stream)).toString()).toBe(expected);
      });

      it.each([{ start: 10 }, { start: -1, end: 3 }, { start: 5, end: 4 }, { start: 1.5 }, { start: NaN }])(
        'should refuse %j',
        async (range) => {
          await put('digits', '0123456789');
          await expect(store.get(at('digits'), { range })).rejects.toThrow(InvalidRange);
          await expect(store.get(at('digits'), { range })).rejects.toMatchObject({ size: 10 });
        },
      );

      it('should refuse any range of an empty object', async () => {
        await put('empty', '');
        await expect(store.get(at('empty'), { range: { start: 0 } })).rejects.toThrow(InvalidRange);
      });
    });

    describe('delete', () => {
      it('should be done once and for all', async () => {
        await put('a/b/c');
        await put('a/d');
        await store.delete(at('a/b/c'));
        await store.delete(at('a/b/c'));
        await store.delete(at('a'));
        await store.delete({ bucket: 'no-such-bucket', key: 'a' });
        expect(await keys()).toEqual(['a/d']);
      });

      it('should free the name of its folder', async () => {
        await put('a/b/c');
        await store.delete(at('a/b/c'));
        await put('a', 'now an object');
        expect(await read('a')).toBe('now an object');
      });
    });

    describe('list', () => {
      /** Keys in the order of the store, each once. */
      const listed = (...some: string[]) =>
        [...new Set(some)].sort(order === 'bytes' ? compareBytes : compareNames);
      const some = ['a-b', 'a/1', 'a/2/x', 'a/2.txt', 'a0', 'b', 'ä', '😀', 'ﬀ', 'B'];

      it('should sort by the bytes of the keys, or of the names in each folder', async () => {
        for (const key of some) await put(key);
        // In UTF-16, which JavaScript sorts by, the emoji would come before the ligature.
        expect(await keys()).toEqual(
          listed('B', 'a-b', 'a/1', 'a/2.txt', 'a/2/x', 'a0', 'b', 'ä', 'ﬀ', '😀'),
        );
      });

      it('should take any start of a key as prefix', async () => {
        for (const key of some) await put(key);
        expect(await keys('a')).toEqual(listed('a-b', 'a/1', 'a/2.txt', 'a/2/x', 'a0'));
        expect(await keys('a/')).toEqual(listed('a/1', 'a/2.txt', 'a/2/x'));
        expect(await keys('a/2')).toEqual(listed('a/2.txt', 'a/2/x'));
        expect(await keys('a/2/')).toEqual(['a/2/x']);
        expect(await keys('nothing/')).toEqual([]);
        expect((await store.list({ bucket: 'no-such-bucket', prefix: '' })).objects).toEqual([]);
      });

      it('should list everything below a prefix in one pass', async () => {
        for (const key of some) await put(key);
        const all = async (prefix: string) => {
          const seen: string[] = [];
          for await (const { key } of store.listAll({ bucket, prefix })) seen.push(key);
          return seen;
        };
        expect(await all('')).toEqual(await keys());
        expect(await all('a/')).toEqual(await keys('a/'));
        expect(await all('nothing/')).toEqual([]);
      });

      it.each([1, 2, 3, 100])('should page through by %d', async (limit) => {
        for (const key of some) await put(key);
        const seen: string[] = [];
        for (let after: string | undefined, more = true; more;) {
          const page = await store.list({ bucket, prefix: '', after, limit });
          expect(page.objects.length).toBeLessThanOrEqual(limit);
          seen.push(...page.objects.map(({ key }) => key));
          after = seen.at(-1);
          more = page.truncated;
        }
        expect(seen).toEqual(await keys());
      });

      it('should go on after a key that does not exist', async () => {
        for (const key of some) await put(key);
        const after = async (key: string) =>
          (await store.list({ bucket, prefix: 'a', after: key })).objects.map((object) => object.key);
        const all = listed('a-b', 'a/1', 'a/2.txt', 'a/2/x', 'a0');
        // To a server with folders `a/2` is one, and what comes after it is not what lies in it.
        const somewhere = order === 'bytes' ? ['a/', 'a/2', 'a/2/x', 'a/9'] : ['a/', 'a/2/x', 'a/9'];
        for (const key of somewhere) {
          expect(await after(key)).toEqual(
            listed(...all, key).filter((_, at, keys) => at > keys.indexOf(key)),
          );
        }
      });
    });

    describe('copy', () => {
      it('should publish under another address and prove the digest', async () => {
        const { sha256: digest } = await put('attempts/1/model', 'graph');
        const to = { bucket: 'modelplane', key: `acme/${digest}` };
        const copied = await store.copy(at('attempts/1/model'), to, { ifAbsent: true, sha256: digest });
        expect(copied).toMatchObject({ size: 5, sha256: digest });
        expect(await read('attempts/1/model')).toBe('graph');
        await expect(store.copy(at('attempts/1/model'), to, { ifAbsent: true })).rejects.toThrow(
          ObjectExists,
        );
        await expect(store.copy(at('nothing'), to)).rejects.toThrow(ObjectNotFound);
        await expect(store.copy(at('attempts/1/model'), at('x'), { sha256: '0'.repeat(64) })).rejects.toThrow(
          DigestMismatch,
        );
        expect(await keys()).toEqual(['attempts/1/model']);
      });
    });

    it.each([
      '../other/secret',
      '..',
      'a/../../secret',
      'a/./b',
      '/etc/passwd',
      'a//b',
      'a/',
      '',
      'a\\..\\b',
      'a\0b',
      'a\nb',
      '.x.partial',
      'a/.x.1f.partial/b',
      'x'.repeat(256),
      'é'.repeat(128),
      Array.from({ length: 6 }, () => 'x'.repeat(200)).join('/'),
      '\ud800',
    ])('should refuse the key %j everywhere', async (key) => {
      await expect(store.put(at(key), Buffer.from('x'))).rejects.toThrow(InvalidObjectUri);
      await expect(store.get(at(key))).rejects.toThrow(InvalidObjectUri);
      await expect(store.head(at(key))).rejects.toThrow(InvalidObjectUri);
      await expect(store.delete(at(key))).rejects.toThrow(InvalidObjectUri);
      await expect(store.copy(at('a'), at(key))).rejects.toThrow();
    });

    it.each(['..', '.tmp', 'A', 'ab', 'a/b', '', '-abc', 'a_b', 'x'.repeat(64)])(
      'should refuse the bucket %j everywhere',
      async (name) => {
        await expect(store.put({ bucket: name, key: 'a' }, Buffer.from('x'))).rejects.toThrow(
          InvalidObjectUri,
        );
        await expect(store.get({ bucket: name, key: 'a' })).rejects.toThrow(InvalidObjectUri);
        await expect(store.list({ bucket: name, prefix: '' })).rejects.toThrow(InvalidObjectUri);
      },
    );

    it.each(['../', 'a/../../', '/', 'a//', '\0'])('should refuse to list under %j', async (prefix) => {
      await expect(store.list({ bucket, prefix })).rejects.toThrow(InvalidObjectUri);
    });
  });
}

function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function compareNames(one: string, other: string): number {
  const [ones, others] = [one.split('/'), other.split('/')];
  const at = ones.findIndex((name, place) => name !== others[place]);
  return at < 0 ? ones.length - others.length : compareBytes(ones[at] ?? '', others[at] ?? '');
}
