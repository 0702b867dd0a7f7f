import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describeObjectStore } from '../test/contract.js';
import {
  FolderObjectStore,
  InvalidObjectUri,
  ObjectConflict,
  ObjectExists,
  ObjectNotFound,
} from './index.js';

const bucket = 'data';
const at = (key: string) => ({ bucket, key });

let outside: string;
let root: string;
let store: FolderObjectStore;

async function makeStore() {
  outside = await mkdtemp(join(tmpdir(), 'object-store-'));
  root = join(outside, 'objects');
  store = new FolderObjectStore(root);
  return { store, dispose: () => rm(outside, { recursive: true, force: true }) };
}

describeObjectStore('FolderObjectStore', makeStore);

describe('FolderObjectStore', () => {
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ dispose } = await makeStore());
    await mkdir(join(root, bucket));
  });
  afterEach(() => dispose());

  const keys = async (prefix = '') => (await store.list({ bucket, prefix })).objects.map(({ key }) => key);
  const read = async (key: string) => (await buffer((await store.get(at(key))).stream)).toString();
  const temporaryFiles = () => readdir(join(root, '.tmp'));

  it('should take a file that somebody copied there for an object', async () => {
    await mkdir(join(root, 'data/telco'));
    await writeFile(join(root, 'data/telco/telco.csv'), 'a,b\n');
    expect(await keys()).toEqual(['telco/telco.csv']);
    expect(await read('telco/telco.csv')).toBe('a,b\n');
    const { etag } = await store.head(at('telco/telco.csv'));
    await writeFile(join(root, 'data/telco/telco.csv'), 'a,c\n');
    expect((await store.head(at('telco/telco.csv'))).etag).not.toBe(etag);
  });

  it('should keep objects where the README says', async () => {
    await store.put(at('a/b.txt'), Buffer.from('x'));
    expect(await readFile(join(root, 'data/a/b.txt'), 'utf8')).toBe('x');
  });

  it('should not list names that no URI can spell', async () => {
    await store.put(at('good'), Buffer.from('x'));
    await writeFile(Buffer.concat([Buffer.from(join(root, 'data/bad')), Buffer.from([0xff])]), 'x');
    await writeFile(join(root, 'data/back\\slash'), 'x');
    await writeFile(join(root, 'data/.part.12ab.partial'), 'x');
    await mkdir(join(root, 'data/empty'));
    expect(await keys()).toEqual(['good']);
  });

  describe('a key that is a folder, or passes through an object', () => {
    beforeEach(() => store.put(at('a/b'), Buffer.from('x')));

    it.each(['a', 'a/b/c', 'a/b/c/d'])('should be refused by put: %s', async (key) => {
      await expect(store.put(at(key), Buffer.from('y'))).rejects.toThrow(ObjectConflict);
      await expect(store.put(at(key), Buffer.from('y'), { ifAbsent: true })).rejects.toThrow(ObjectConflict);
      expect(await keys()).toEqual(['a/b']);
      expect(await temporaryFiles()).toEqual([]);
    });

    it('should be free when the folder is empty', async () => {
      await mkdir(join(root, 'data/x/y'), { recursive: true });
      await store.put(at('x/y'), Buffer.from('1'), { ifAbsent: true });
      await mkdir(join(root, 'data/z'));
      await store.put(at('z'), Buffer.from('1'));
      expect(await keys()).toEqual(['a/b', 'x/y', 'z']);
    });
  });

  it('should leave no temporary file and no folder after a put that failed', async () => {
    const failing = new Readable({ read: () => undefined });
    failing.push('abc');
    const putting = store.put(at('new/folder/a'), failing);
    while ((await temporaryFiles()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await keys()).toEqual([]);
    failing.destroy(new Error('reset'));
    await expect(putting).rejects.toThrow('reset');
    expect(await temporaryFiles()).toEqual([]);
    expect(await readdir(join(root, bucket))).toEqual([]);
  });

  it('should remove the folders that a delete leaves empty, but not the bucket', async () => {
    await store.put(at('a/b/c/d'), Buffer.from('x'));
    await store.delete(at('a/b/c/d'));
    expect(await readdir(join(root, bucket))).toEqual([]);
  });

  it('should put beside concurrent deletes that remove its folder', async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        await store.put(at(`f/g/${index % 4}`), Buffer.from('x'));
        await store.delete(at(`f/g/${index % 4}`));
      }),
    );
    expect(await temporaryFiles()).toEqual([]);
  });

  it('should sweep what a killed process left, and nothing that is being written', async () => {
    const stale = join(root, '.tmp/stale');
    await writeFile(stale, 'x');
    await writeFile(join(root, '.tmp/fresh'), 'x');
    const yesterday = new Date(Date.now() - 25 * 3600 * 1000);
    await utimes(stale, yesterday, yesterday);
    expect(await store.sweep()).toBe(1);
    expect(await temporaryFiles()).toEqual(['fresh']);
  });

  describe('symbolic links', () => {
    beforeEach(async () => {
      await mkdir(join(outside, 'private'));
      await writeFile(join(outside, 'private/secret'), 'secret');
    });

    it('should not lead out of the store', async () => {
      await symlink(join(outside, 'private'), join(root, 'data/folder'));
      await symlink('../../private/secret', join(root, 'data/file'));
      await symlink(join(outside, 'private'), join(root, 'linked-bucket'));
      for (const address of [at('folder/secret'), at('file'), { bucket: 'linked-bucket', key: 'secret' }]) {
        await expect(store.get(address)).rejects.toThrow(InvalidObjectUri);
        await expect(store.head(address)).rejects.toThrow(InvalidObjectUri);
      }
      await expect(store.put(at('folder/new'), Buffer.from('x'))).rejects.toThrow(InvalidObjectUri);
      await expect(store.put(at('folder/new/er'), Buffer.from('x'))).rejects.toThrow(InvalidObjectUri);
      await expect(store.delete(at('folder/secret'))).rejects.toThrow(InvalidObjectUri);
      await expect(store.list({ bucket: 'linked-bucket', prefix: '' })).rejects.toThrow(InvalidObjectUri);
      await expect(store.list({ bucket, prefix: 'folder/' })).rejects.toThrow(InvalidObjectUri);
      expect(await keys()).toEqual([]);
      expect(await readdir(join(outside, 'private'))).toEqual(['secret']);
    });

    it('should be replaced, not followed, by put and delete', async () => {
      await symlink(join(outside, 'private/secret'), join(root, 'data/file'));
      await expect(store.put(at('file'), Buffer.from('x'), { ifAbsent: true })).rejects.toThrow(ObjectExists);
      await store.put(at('file'), Buffer.from('mine'));
      expect(await read('file')).toBe('mine');
      await symlink(join(outside, 'private/secret'), join(root, 'data/other'));
      await store.delete(at('other'));
      expect(await readFile(join(outside, 'private/secret'), 'utf8')).toBe('secret');
    });

    it('should not be followed within the store either, where another tenant has its objects', async () => {
      await store.put(at('a/b'), Buffer.from('x'));
      await symlink(join(root, 'data/a'), join(root, 'data/folder'));
      await symlink('a/b', join(root, 'data/file'));
      await symlink(join(root, 'data'), join(root, 'data/a/circle'));
      await symlink('self', join(root, 'data/self'));
      await symlink('nowhere', join(root, 'data/dangling'));
      expect(await keys()).toEqual(['a/b']);
      const all: string[] = [];
      for await (const { key } of store.listAll({ bucket, prefix: '' })) all.push(key);
      expect(all).toEqual(['a/b']);
      for (const key of ['folder/b', 'file', 'a/circle/a/b']) {
        await expect(store.get(at(key))).rejects.toThrow(InvalidObjectUri);
        await expect(store.head(at(key))).rejects.toThrow('is a symbolic link');
        await expect(store.copy(at(key), at('copied'))).rejects.toThrow(InvalidObjectUri);
      }
      for (const ifAbsent of [true, false]) {
        await expect(store.put(at('folder/new'), Buffer.from('y'), { ifAbsent })).rejects.toThrow(
          InvalidObjectUri,
        );
        await expect(store.put(at('folder/b'), Buffer.from('y'), { ifAbsent })).rejects.toThrow(
          InvalidObjectUri,
        );
      }
      await expect(store.delete(at('folder/b'))).rejects.toThrow(InvalidObjectUri);
      await expect(store.list({ bucket, prefix: 'folder/' })).rejects.toThrow(InvalidObjectUri);
      await expect(store.get(at('self'))).rejects.toThrow(ObjectNotFound);
      await expect(store.get(at('dangling'))).rejects.toThrow(ObjectNotFound);
      await expect(store.put(at('dangling/x'), Buffer.from('x'))).rejects.toThrow(ObjectConflict);
      // The link itself is replaced, and deleted, and what it leads to is not.
      await store.put(at('file'), Buffer.from('mine'));
      await store.delete(at('folder'));
      expect([await read('a/b'), await read('file')]).toEqual(['x', 'mine']);
      expect(await keys()).toEqual(['a/b', 'file']);
    });
  });

  it('should keep objects for its own user alone', async () => {
    await store.put(at('a/b'), Buffer.from('x'));
    await store.put({ bucket: 'another', key: 'c' }, Buffer.from('x'));
    const modes = ['.', '.tmp', 'data/a', 'data/a/b', 'another', 'another/c'].map(
      async (path) => (await stat(join(root, path))).mode & 0o777,
    );
    expect(await Promise.all(modes)).toEqual([0o700, 0o700, 0o700, 0o600, 0o700, 0o600]);
  });

  it('should not wait for a named pipe', async () => {
    execFileSync('mkfifo', [join(root, 'data/pipe')]);
    await expect(store.get(at('pipe'))).rejects.toThrow(ObjectNotFound);
    expect(await keys()).toEqual([]);
  });

  it('should stream large objects through little memory', async () => {
    const block = Buffer.alloc(1 << 20, 7);
    const blocks = 128;
    const source = Readable.from(
      (function* () {
        for (let index = 0; index < blocks; index++) yield Buffer.from(block);
      })(),
      { highWaterMark: 2 },
    );
    const before = process.memoryUsage.rss();
    let peak = before;
    const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
    const { size } = await store.put(at('large'), source);
    const { stream } = await store.get(at('large'));
    let seen = 0;
    for await (const chunk of stream) seen += (chunk as Buffer).length;
    clearInterval(timer);
    expect([size, seen]).toEqual([blocks << 20, blocks << 20]);
    expect((peak - before) / 2 ** 20).toBeLessThan(96);
  });
});
