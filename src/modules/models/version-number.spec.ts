import { compareVersions, FIRST_VERSION, formatVersion, parseVersion } from './version-number.js';

describe('a version number', () => {
  it.each(['0.0.0', '1.0.0', '1.2.3', '10.20.30', '999999999.999999999.999999999'])(
    'should be read and written as %s',
    (text) => {
      expect(formatVersion(parseVersion(text)!)).toBe(text);
    },
  );

  it.each([
    '',
    '1',
    '1.2',
    '1.2.3.4',
    'v1.2.3',
    '01.2.3',
    '1.02.3',
    '1.2.03',
    '-1.2.3',
    '+1.2.3',
    '1.2.3-rc.1',
    '1.2.3+build',
    ' 1.2.3',
    '1.2.3\n',
    '1.2.x',
    '1e3.0.0',
    '١.٢.٣',
    // Past what a PostgreSQL integer holds.
    '9999999999.0.0',
  ])('should not be read from %j', (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  it('should begin at 1.0.0', () => {
    expect(formatVersion(FIRST_VERSION)).toBe('1.0.0');
  });

  it('should be compared by number, not as text', () => {
    const sorted = ['0.9.9', '1.0.0', '1.0.2', '1.0.10', '1.2.0', '1.10.0', '2.0.0', '10.0.0'];
    const shuffled = [...sorted].reverse().map((text) => parseVersion(text)!);
    expect(shuffled.sort(compareVersions).map(formatVersion)).toEqual(sorted);
    expect(compareVersions(FIRST_VERSION, { ...FIRST_VERSION })).toBe(0);
  });
});
