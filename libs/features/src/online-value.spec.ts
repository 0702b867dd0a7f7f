import {
  CorruptValue,
  forgetAt,
  formatOnlineValue,
  isExpired,
  parseOnlineValue,
  ttlMicroseconds,
  valueAt,
} from './online-value.js';

const SECOND = 1_000_000;

describe('online value', () => {
  it('should be read as it was written', () => {
    const values = [1, '9007199254740993', null, 'a"\0é', [1.5, null], true];
    const text = formatOnlineValue({ event: -1, created: 2 ** 53 - 1, expires: null }, values);
    expect(text).toBe('[-1,9007199254740991,null,1,"9007199254740993",null,"a\\"\\u0000é",[1.5,null],true]');
    const read = parseOnlineValue(text);
    expect(values.map((_, slot) => valueAt(read, slot))).toEqual(values);
    expect(valueAt(read, values.length)).toBeUndefined();
  });

  it.each(['', 'x', '{}', '[]', 'null', '["a"]'])('should refuse %j', (text) => {
    expect(() => parseOnlineValue(text)).toThrow(CorruptValue);
  });

  it('should live up to the instant of its time to live, and end at that of its expires time', () => {
    const event = 1_000 * SECOND;
    const value = parseOnlineValue(formatOnlineValue({ event, created: null, expires: null }, [1]));
    const ttl = ttlMicroseconds(10);
    expect(isExpired(value, ttl, event + 10 * SECOND)).toBe(false);
    expect(isExpired(value, ttl, event + 10 * SECOND + 1)).toBe(true);
    expect(isExpired(value, ttlMicroseconds(null), Number.MAX_SAFE_INTEGER)).toBe(false);

    const expires = event + 5 * SECOND;
    const ending = parseOnlineValue(formatOnlineValue({ event, created: null, expires }, [1]));
    expect(isExpired(ending, ttl, expires - 1)).toBe(false);
    expect(isExpired(ending, ttl, expires)).toBe(true);
  });

  it('should be kept for a day or its time to live after its end, whichever is more', () => {
    const day = 86_400_000;
    const times = { event: 5_000_001, created: null, expires: null };
    expect(forgetAt(times, null)).toBe(0);
    expect(forgetAt(times, 10)).toBe(15_001 + day);
    expect(forgetAt(times, 200_000)).toBe(5_001 + 400_000_000);
    expect(forgetAt({ ...times, expires: 7_000_000 }, null)).toBe(7_000 + day);
    expect(forgetAt({ ...times, expires: 7_000_000 }, 1)).toBe(6_001 + day);
    expect(forgetAt({ ...times, expires: 1 - 90_000 * SECOND }, null)).toBe(1);
  });
});
