const DAY = 86_400_000;
const HOUR = 3_600_000;
const EARLIEST = -62_135_596_800_000;
const LATEST = 253_402_300_799_999;
const TEXT =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d{2}):?(\d{2}))?)?$/;

export type TimestampPart = 'epoch_days' | 'year' | 'month' | 'day_of_month' | 'day_of_week' | 'hour';

/**
 * Milliseconds since 1970-01-01 UTC of an ISO 8601 date or time (UTC without an offset), or of a whole number of
 * them; null for anything else and outside the years 1 to 9999. trainer/src/modelplane_trainer/timestamps.py is
 * the same in Python.
 */
export function toMilliseconds(value: unknown): number | null {
  if (typeof value === 'number') {
    return Number.isInteger(value) && value >= EARLIEST && value <= LATEST ? value : null;
  }
  const found = typeof value === 'string' && value.length <= 40 ? TEXT.exec(value) : null;
  if (!found) return null;
  const part = (at: number) => Number(found[at] ?? 0);
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(part) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  // Unlike Date.UTC it takes the years below 100 as they are.
  date.setUTCFullYear(year, month - 1, day);
  if (year < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  if (hour > 23 || minute > 59 || second > 59 || part(9) > 23 || part(10) > 59) return null;
  const offset = (part(9) * 60 + part(10)) * (found[8] === '-' ? -1 : 1);
  const fraction = Number((found[7] ?? '').padEnd(3, '0').slice(0, 3));
  const milliseconds = date.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction;
  return milliseconds >= EARLIEST && milliseconds <= LATEST ? milliseconds : null;
}

/** What a model sees of a time. Days of the week count from Monday, 0; `epoch_days` and `hour` have a fraction. */
export function partOf(milliseconds: number, part: TimestampPart): number {
  const days = Math.floor(milliseconds / DAY);
  switch (part) {
    case 'epoch_days':
      return milliseconds / DAY;
    case 'hour':
      return (milliseconds - days * DAY) / HOUR;
    case 'day_of_week':
      return (((days + 3) % 7) + 7) % 7;
    case 'year':
      return new Date(milliseconds).getUTCFullYear();
    case 'month':
      return new Date(milliseconds).getUTCMonth() + 1;
    case 'day_of_month':
      return new Date(milliseconds).getUTCDate();
  }
}
