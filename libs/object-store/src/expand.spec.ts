import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { compileGlob } from './glob.js';
import {
  expand,
  FolderObjectStore,
  InvalidObjectUri,
  literalPrefix,
  parseObjectPattern,
  TooManyObjects,
} from './index.js';

/** The reference: what a glob matches, by the package that Jest matches with. */
const picomatch: (glob: string) => (key: string) => boolean = jest.requireActual('picomatch');

describe('literalPrefix', () => {
  it.each([
    ['s3://data/a/b.csv', 's3://data/a/b.csv'],
    ['s3://data/a/', 's3://data/a/'],
    ['s3://data/', 's3://data/'],
    ['s3://data/a/b*.csv', 's3://data/a/'],
    ['s3://data/a/b/**', 's3://data/a/b/'],
    ['s3://data/a{b,c}/d', 's3://data/'],
    ['s3://data/acme/[xy]/?', 's3://data/acme/'],
    ['s3://data/**', 's3://data/'],
  ])('of %s should be %s', (text, prefix) => {
    expect(literalPrefix(text)).toBe(prefix);
  });
});

describe('parseObjectPattern', () => {
  it.each([
    's3://*/a',
    's3://da{t,T}a/a',
    's3://data/*/../secret',
    's3://data/*//a',
    's3://data/*/',
    's3://data/a[',
    's3://data/a{b',
    's3://data/a}*',
    's3://data/{a}',
    's3://data/*\\*',
    's3://data/*\0',
    `s3://data/${'{a,b}'.repeat(7)}`,
    `s3://data/${'*/'.repeat(600)}a`,
  ])('should refuse %j', (text) => {
    expect(() => parseObjectPattern(text)).toThrow(InvalidObjectUri);
  });
});

describe('compileGlob', () => {
  const keys = [
    'a',
    'b',
    'ab',
    'abc',
    'a.csv',
    'ab.parquet',
    'part-1.csv',
    'part-12.csv',
    'part-x.csv',
    'x/a.csv',
    'x/y/a.csv',
    'x/y/z/a.csv',
    'x/ya.csv',
    'y/a.csv',
    'year=2026/month=01/a.csv',
    'a(1).csv',
    'ä/ö.csv',
    'a]b',
    '^',
    '-',
  ];

  it.each([
    ['*', 'a b ab abc a.csv ab.parquet part-1.csv part-12.csv part-x.csv a(1).csv a]b ^ -'],
    ['?', 'a b ^ -'],
    ['*.csv', 'a.csv part-1.csv part-12.csv part-x.csv a(1).csv'],
    ['*b*', 'b ab abc ab.parquet a]b'],
    ['part-?.csv', 'part-1.csv part-x.csv'],
    ['part-[0-9].csv', 'part-1.csv'],
    ['part-[!0-9].csv', 'part-x.csv'],
    ['[ab]', 'a b'],
    ['[^a]', 'b ^ -'],
    ['[a-b]*', 'a b ab abc a.csv ab.parquet a(1).csv a]b'],
    ['**/a.csv', 'a.csv x/a.csv x/y/a.csv x/y/z/a.csv y/a.csv year=2026/month=01/a.csv'],
    ['x/**/a.csv', 'x/a.csv x/y/a.csv x/y/z/a.csv'],
    ['x/*/a.csv', 'x/y/a.csv'],
    ['x/**/*.csv', 'x/a.csv x/y/a.csv x/y/z/a.csv x/ya.csv'],
    ['{x,y}/a.csv', 'x/a.csv y/a.csv'],
    ['{a,x/{a,y/a}}.csv', 'a.csv x/a.csv x/y/a.csv'],
    ['{x,y}/**/a.csv', 'x/a.csv x/y/a.csv x/y/z/a.csv y/a.csv'],
    ['**/y/**/a.csv', 'x/y/a.csv x/y/z/a.csv y/a.csv'],
    ['year=*/month=0?/*.csv', 'year=2026/month=01/a.csv'],
    ['a(1)*', 'a(1).csv'],
    ['ä/?.csv', 'ä/ö.csv'],
    ['*[!v]', 'a b ab abc ab.parquet a]b ^ -'],
    ['a[]]b', 'a]b'],
    ['[-^]', '^ -'],
    ['*/*/*', 'x/y/a.csv year=2026/month=01/a.csv'],
  ])('should match %s', (glob, expected) => {
    const matched = keys.filter(compileGlob(glob));
    expect(matched.join(' ')).toBe(expected);
    // To the reference `[!…]` means something else, and parentheses are a group.
    const isMatch = picomatch(glob.replace('[!', '[^').replace(/[()]/g, '\\$&'));
    expect(matched).toEqual(keys.filter((key) => isMatch(key)));
  });

  it('should match below a folder with a last **', () => {
    const matches = compileGlob('x/**');
    expect(['x', 'x/a', 'x/y/z', 'xx/a', 'y/x/a'].filter(matches)).toEqual(['x/a', 'x/y/z']);
  });

  it('should match hidden names only where they are spelled out', () => {
    const hidden = ['_SUCCESS', '.a.crc', 'x/_tmp/a', 'x/.b', '_x/a'];
    for (const glob of ['*', '**', '?SUCCESS', '*/*', '**/*', 'x/**', 'x/**/a', '[_]SUCCESS', '**/a']) {
      expect(hidden.filter(compileGlob(glob))).toEqual([]);
    }
    expect(hidden.filter(compileGlob('_*'))).toEqual(['_SUCCESS']);
    expect(hidden.filter(compileGlob('x/.*'))).toEqual(['x/.b']);
    expect(hidden.filter(compileGlob('**/_*/a'))).toEqual(['x/_tmp/a', '_x/a']);
  });

  it.each([
    ['many alternatives', `{${'a,b,'.repeat(16)}c}`.repeat(2)],
    ['long alternatives', `{${`${'a'.repeat(300)},`.repeat(30)}b}`],
  ])('should refuse %s', (_, glob) => {
    expect(() => compileGlob(glob)).toThrow(InvalidObjectUri);
  });

  it('should refuse to go on where alternatives full of stars meet long names', () => {
    const matches = compileGlob(`{a,b,c,d}{${'*a'.repeat(30)}c,${'*a'.repeat(30)}b,${'*a?'.repeat(20)}d}`);
    const key = Array(4).fill('a'.repeat(245)).join('/');
    const scan = () => {
      for (let object = 0; object < 100_000; object++) matches(key);
    };
    expect(() => runInNewContext('scan()', { scan }, { timeout: 60_000 })).toThrow('fewer wildcards');
  });

  it('should not be slowed down by patterns that make regular expressions backtrack', () => {
    const nestedFolders = Array.from({ length: 500 }, () => 'a').join('/');
    const matches = () => [
      compileGlob(`${'*a'.repeat(120)}*b`)('a'.repeat(255)),
      compileGlob(`${'**/a/'.repeat(100)}b`)(nestedFolders),
    ];
    // It takes milliseconds; a matcher that backtracks would not end in years, and is interrupted here.
    expect(runInNewContext('matches()', { matches }, { timeout: 60_000 })).toEqual([false, false]);
  });
});

describe('expand', () => {
  let root: string;
  let store: FolderObjectStore;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'expand-'));
    store = new FolderObjectStore(root);
    const keys = [
      't/a.csv',
      't/b.csv',
      't/sub/c.csv',
      't/_SUCCESS',
      't/.a.csv.crc',
      't/_tmp/d.csv',
      'one.csv',
      '_own/x',
    ];
    for (const key of keys) await store.put({ bucket: 'data', key }, Buffer.from(key));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const keysOf = async (text: string, options = {}) =>
    (await expand(store, text, options)).map(({ key }) => key);

  it.each([
    ['a file', 's3://data/one.csv', ['one.csv']],
    ['a hidden file by its name', 's3://data/t/_SUCCESS', ['t/_SUCCESS']],
    ['a folder', 's3://data/t/', ['t/a.csv', 't/b.csv', 't/sub/c.csv']],
    ['a folder without a slash', 's3://data/t', ['t/a.csv', 't/b.csv', 't/sub/c.csv']],
    ['a hidden folder by its name', 's3://data/_own/', ['_own/x']],
    ['a bucket', 's3://data/', ['one.csv', 't/a.csv', 't/b.csv', 't/sub/c.csv']],
    ['a glob', 's3://data/t/*.csv', ['t/a.csv', 't/b.csv']],
    ['a deep glob', 's3://data/**/[bc].csv', ['t/b.csv', 't/sub/c.csv']],
    ['nothing', 's3://data/nothing', []],
    ['nothing in no bucket', 's3://no-bucket/*', []],
    ['no file with a slash', 's3://data/one.csv/', []],
  ])('should find %s', async (_, text, keys) => {
    expect(await keysOf(text)).toEqual(keys);
  });

  it('should give what a listing gives, and the bucket', async () => {
    const [object] = await expand(store, 's3://data/one.csv');
    const [listed] = await expand(store, 's3://data/one*');
    expect(object).toEqual({
      bucket: 'data',
      key: 'one.csv',
      ...(await store.head({ bucket: 'data', key: 'one.csv' })),
    });
    expect(listed).toEqual(object);
  });

  it('should refuse more objects than allowed', async () => {
    expect(await keysOf('s3://data/t/', { limit: 3 })).toHaveLength(3);
    await expect(expand(store, 's3://data/t/', { limit: 2 })).rejects.toThrow(TooManyObjects);
  });

  it('should page through large folders', async () => {
    const many = new FolderObjectStore(root);
    await Promise.all(
      Array.from({ length: 1500 }, (_, index) =>
        many.put({ bucket: 'many', key: `f/${index}` }, Buffer.from('x')),
      ),
    );
    expect(await keysOf('s3://many/f/')).toHaveLength(1500);
    expect(await keysOf('s3://many/f/*9')).toHaveLength(150);
    await expect(expand(store, 's3://many/**/nothing', { scanLimit: 1000 })).rejects.toThrow(TooManyObjects);
    await expect(expand(store, 's3://many/**/nothing', { scanLimit: 1500 })).resolves.toEqual([]);
  });
});
