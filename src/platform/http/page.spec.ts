import { Problem } from '../errors/problem.js';
import { decodeCursor, pageOf } from './page.js';

const page = (rows: string[], limit: number, tenant = 'acme-corp') =>
  pageOf(
    rows,
    limit,
    tenant,
    (row) => row,
    (row) => row.toUpperCase(),
  );

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a page', () => {
  it('should show at most its limit and say where the next one starts', () => {
    const { data, page: info } = page(['a', 'b', 'c'], 2);
    expect([data, info.count]).toEqual([['A', 'B'], 2]);
    expect(decodeCursor('acme-corp', info.next_cursor!)).toBe('b');
  });

  it.each([[['a', 'b']], [['a']], [[]]])('should be the last one of %j', (rows: string[]) => {
    expect(page(rows, 2).page).toEqual({ count: rows.length, next_cursor: null });
  });
});

describe('a cursor', () => {
  it('should be absent on the first page', () => {
    expect(decodeCursor('acme-corp', undefined)).toBeUndefined();
  });

  it.each(['ключ', 'a/b c', '"', '\u{1f4ca}', ''])('should carry the key %j', (key) => {
    const { next_cursor: cursor } = page([key, 'next'], 1).page;
    expect(decodeCursor('acme-corp', cursor!)).toBe(key);
  });

  it('should fit into a query as it is', () => {
    const { next_cursor: cursor } = page(['?&=+/%ÿ'.repeat(9), 'next'], 1).page;
    expect(cursor).toMatch(/^[\w-]+$/);
  });

  it('should be of no use to another tenant', () => {
    const { next_cursor: cursor } = page(['a', 'b'], 1).page;
    expect(() => decodeCursor('globex', cursor!)).toThrow(Problem);
  });

  it.each([
    '',
    'garbage',
    encode(null),
    encode([]),
    encode({}),
    encode('acme-corp'),
    encode(['acme-corp']),
    encode(['acme-corp', 1]),
    encode(['acme-corp', null]),
    encode(['acme-corp', 'a\0b']),
    encode([['acme-corp'], 'a']),
  ])('should be refused as 400: %j', (cursor) => {
    expect(() => decodeCursor('acme-corp', cursor)).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  });

  it('should be refused where its key is none of the list', () => {
    expect(() => decodeCursor('acme-corp', encode(['acme-corp', 'a']), () => false)).toThrow(Problem);
  });
});
