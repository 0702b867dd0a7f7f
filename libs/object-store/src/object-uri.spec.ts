import { formatObjectUri, InvalidObjectUri, parseFolderUri, parseObjectUri } from './index.js';

describe('parseObjectUri', () => {
  it.each([
    ['s3://data/a', 'data', 'a'],
    ['s3://my-bucket.v2/a/b c/é.parquet', 'my-bucket.v2', 'a/b c/é.parquet'],
    ['s3://data/...', 'data', '...'],
    ['s3://data/a?b#c', 'data', 'a?b#c'],
    ['s3://data/%2e%2e/a', 'data', '%2e%2e/a'],
  ])('should parse %s', (text, bucket, key) => {
    expect(parseObjectUri(text)).toEqual({ bucket, key });
    expect(formatObjectUri({ bucket, key })).toBe(text);
  });

  it.each([
    ['https://data/a', 'does not start with s3://'],
    ['S3://data/a', 'does not start with s3://'],
    ['', 'does not start with s3://'],
    ['s3://data', 'no slash after the bucket'],
    ['s3://data/', 'names a bucket'],
    ['s3:///a', 'is not a bucket name'],
    ['s3://../a', 'is not a bucket name'],
    ['s3://.tmp/a', 'is not a bucket name'],
    ['s3://Data/a', 'is not a bucket name'],
    ['s3://data/a/', 'it names a folder'],
    ['s3://data//a', 'empty segment'],
    ['s3://data/a//b', 'empty segment'],
    ['s3://data/a/../b', 'the segment ".."'],
    ['s3://data/./b', 'the segment "."'],
    ['s3://data/a\\b', 'a backslash'],
    ['s3://data/a\0b', 'a control character'],
    ['s3://data/a\u007fb', 'a control character'],
    ['s3://data/\udc00', 'not valid Unicode'],
    ['s3://data/a/.x.partial', 'unfinished file'],
    [`s3://data/${'é'.repeat(128)}`, 'longer than 255 bytes'],
    [`s3://data/${'abc/'.repeat(256)}d`, 'longer than 1024 bytes'],
  ])('should refuse %j and say why', (text, why) => {
    expect(() => parseObjectUri(text)).toThrow(InvalidObjectUri);
    expect(() => parseObjectUri(text)).toThrow(why);
  });

  it('should not print control characters', () => {
    expect(() => parseObjectUri('s3://data/a\u001b[31mb')).toThrow('a\\u001b[31mb');
  });
});

describe('parseFolderUri', () => {
  it('should parse folders and whole buckets', () => {
    expect(parseFolderUri('s3://data/')).toEqual({ bucket: 'data', prefix: '' });
    expect(parseFolderUri('s3://data/a/b/')).toEqual({ bucket: 'data', prefix: 'a/b/' });
    expect(formatObjectUri({ bucket: 'data', prefix: 'a/b/' })).toBe('s3://data/a/b/');
  });

  it.each(['s3://data', 's3://data/a', 's3://data//', 's3://data/a//', 's3://data/../'])(
    'should refuse %s',
    (text) => {
      expect(() => parseFolderUri(text)).toThrow(InvalidObjectUri);
    },
  );
});
