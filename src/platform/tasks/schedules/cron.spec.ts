import { cronFault, isTimeZone, nextTurn } from './cron.js';

/** The turns from `after` on, as times of the zone with their offset from UTC. */
function turns(cron: string, zone: string, after: string, count: number): string[] {
  const found: string[] = [];
  for (let at: Date | null = new Date(after); found.length < count;) {
    at = nextTurn(cron, zone, at);
    if (!at) break;
    found.push(at.toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

describe('a cron expression', () => {
  it('should come at the times of its zone', () => {
    expect(turns('30 6 * * 1-5', 'America/New_York', '2026-02-13T12:00:00Z', 2)).toEqual([
      '2026-02-16T11:30Z',
      '2026-02-17T11:30Z',
    ]);
    expect(turns('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', 2)).toEqual([
      '2028-02-29T00:00Z',
      '2032-02-29T00:00Z',
    ]);
  });

  it('should come later than the time given, even where that fits', () => {
    expect(turns('0 12 * * *', 'UTC', '2026-02-12T12:00:00.000Z', 1)).toEqual(['2026-02-13T12:00Z']);
    expect(turns('0 12 * * *', 'UTC', '2026-02-12T11:59:59.999Z', 1)).toEqual(['2026-02-12T12:00Z']);
    expect(turns('* * * * *', 'UTC', '2026-02-12T12:00:30.500Z', 2)).toEqual([
      '2026-02-12T12:01Z',
      '2026-02-12T12:02Z',
    ]);
  });

  it('should come on days of the month or of the week, where it names both', () => {
    expect(turns('0 0 13 * 5', 'UTC', '2026-02-10T00:00:00Z', 3)).toEqual([
      '2026-02-13T00:00Z',
      '2026-02-20T00:00Z',
      '2026-02-27T00:00Z',
    ]);
  });

  it.each([
    // 2026-03-29: from 02:00 to 03:00, which is 01:00 UTC.
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:30Z']],
    ['0,30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:00Z']],
    [
      '0 1-3 * * *',
      'Europe/Berlin',
      '2026-03-28T12:00:00Z',
      ['2026-03-29T00:00Z', '2026-03-29T01:00Z', '2026-03-29T23:00Z'],
    ],
    // 2026-10-04: by half an hour, from 02:00 to 02:30, which is 15:30 UTC the day before.
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', ['2026-10-03T15:30Z', '2026-10-04T15:15Z']],
    // 2018-11-04: midnight itself is left out.
    ['0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00:00Z', ['2018-11-04T03:00Z', '2018-11-05T02:00Z']],
  ])(
    'should come once, at the change, for a time that the clock leaves out: %s in %s',
    (cron, zone, after, expected) => {
      expect(turns(cron, zone, after, expected.length)).toEqual(expected);
    },
  );

  it.each([
    // 2026-10-25: 02:00 to 03:00 comes twice, from 00:00 and from 01:00 UTC.
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
    [
      '15,45 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00:00Z',
      ['2026-10-25T00:15Z', '2026-10-25T00:45Z', '2026-10-26T01:15Z'],
    ],
    // 2026-04-05: 01:30 to 02:00 comes twice.
    ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T12:00:00Z', ['2026-04-04T14:45Z', '2026-04-05T15:15Z']],
  ])('should come once for a time that the clock shows twice: %s in %s', (cron, zone, after, expected) => {
    expect(turns(cron, zone, after, expected.length)).toEqual(expected);
  });

  it('should go on evenly as an interval', () => {
    expect(turns('0 * * * *', 'Europe/Berlin', '2026-03-29T00:30:00Z', 2)).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-29T02:00Z',
    ]);
    expect(turns('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', 4)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-25T01:00Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:00Z',
    ]);
  });

  it.each(['0 0 30 2 *', '0 0 31 4,6,9,11 *'])(
    'should never come for days that there are not: %s',
    (cron) => {
      expect(cronFault(cron)).toBeUndefined();
      expect(nextTurn(cron, 'UTC', new Date('2026-01-01T00:00:00Z'))).toBeNull();
    },
  );

  it.each([
    ['', /^must be five fields: minute, hour/],
    ['* * * *', /^must be five fields: minute, hour/],
    ['0 0 * * * *', /^must be five fields: minute, hour/],
    ['@daily', /^must be five fields: minute, hour/],
    ['2026-01-01T00:00:00', /^must be five fields: minute, hour/],
    ['60 * * * *', /^must have as its minute .* 0 to 59;/],
    ['* 24 * * *', /^must have as its hour .* 0 to 23;/],
    ['* * 0 * *', /^must have as its day of month .* 1 to 31,/],
    ['* * * 13 *', /^must have as its month .* 1 to 12,/],
    ['* * * * 8', /^must have as its day of week .* 0 to 7,/],
    ['-1 * * * *', /its minute/],
    ['5-1 * * * *', /its minute/],
    ['* */0 * * *', /its hour/],
    ['a * * * *', /its minute/],
    ['१ * * * *', /its minute/],
    ['* * * * 1;drop', /its day of week/],
    ['1\0 * * * *', /its minute/],
  ])('should be refused as %j', (cron, fault) => {
    expect(cronFault(cron)).toMatch(fault);
  });

  it.each(['  0   0 * * *  ', '0 0 * * 7', '0 0 * * SUN', '0 0 1 JAN *', '0 0 L * *', '1-5/2,30 */2 * * *'])(
    'should be taken as %j',
    (cron) => {
      expect(cronFault(cron)).toBeUndefined();
    },
  );
});

describe('a time zone', () => {
  it.each(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Etc/GMT+5'])('should be %s', (name) => {
    expect(isTimeZone(name)).toBe(true);
  });

  it.each(['', 'Mars/Olympus', '+02:00', '-05', ' UTC', 'Europe/Berlin\0', 'Europe'])(
    'should not be %j',
    (name) => {
      expect(isTimeZone(name)).toBe(false);
    },
  );
});
