const DAY = 86_400_000;
const HOUR = 3_600_000;
const MINUTE = 60_000;
const EARLIEST = -62_135_596_800_000;
const LATEST = 253_402_300_799_999;
const TEXT =
  /^\s*(\d{4})[-/](\d{2})[-/](\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:[Zz]| ?UTC| ?GMT| ?([+-])(\d{2})(?::?(\d{2}))?)?)?\s*$/;
/** 400 years, after which the calendar repeats; the first of them begins on 0000-03-01. */
const DAYS_OF_ERA = 146_097;
const ERA_TO_1970 = 719_468;
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export type TimestampPart = 'epoch_days' | 'year' | 'month' | 'day_of_month' | 'day_of_week' | 'hour';

/**
 * Milliseconds since 1970-01-01 UTC of an ISO 8601 date or time (UTC without an offset; also with slashes for its
 * dashes, and with the offsets `+00` of Postgres and ` UTC` of BigQuery), or of a whole number of them; null for
 * anything else and outside the years 1 to 9999. trainer/src/modelplane_trainer/timestamps.py is the same in Python.
 */
export function toMilliseconds(value: unknown): number | null {
  if (typeof value === 'number') {
    return Number.isInteger(value) && value >= EARLIEST && value <= LATEST ? value : null;
  }
  const found = typeof value === 'string' && value.length <= 40 ? TEXT.exec(value) : null;
  if (!found) return null;
  const year = Number(found[1]);
  const month = Number(found[2]);
  const day = Number(found[3]);
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const last = month === 2 && isLeap ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0);
  if (year < 1 || day < 1 || day > last) return null;
  let milliseconds = daysOf(year, month, day) * DAY;
  if (found[4] !== undefined) {
    const hour = Number(found[4]);
    const minute = Number(found[5]);
    const second = Number(found[6] ?? 0);
    if (hour > 23 || minute > 59 || second > 59) return null;
    milliseconds += hour * HOUR + minute * MINUTE + second * 1000;
    if (found[7] !== undefined) milliseconds += Number(found[7].padEnd(3, '0').slice(0, 3));
    if (found[8] !== undefined) {
      const hours = Number(found[9]);
      const minutes = Number(found[10] ?? 0);
      if (hours > 23 || minutes > 59) return null;
      milliseconds -= (hours * HOUR + minutes * MINUTE) * (found[8] === '-' ? -1 : 1);
    }
  }
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
      return dateOf(days)[0];
    case 'month':
      return dateOf(days)[1];
    case 'day_of_month':
      return dateOf(days)[2];
  }
}

/**
 * Days from 1970-01-01 to a date of the Gregorian calendar: `days_from_civil` of Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms". A Date object for each value would take longer than all else.
 */
function daysOf(year: number, month: number, day: number): number {
  // Years begin in March, so that the leap day is their last.
  const marchYear = month > 2 ? year : year - 1;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * DAYS_OF_ERA + dayOfEra - ERA_TO_1970;
}

/** Year, month and day of the month, NaN of NaN: `civil_from_days`. */
function dateOf(days: number): readonly [number, number, number] {
  const fromEra = days + ERA_TO_1970;
  const era = Math.floor(fromEra / DAYS_OF_ERA);
  const dayOfEra = fromEra - era * DAYS_OF_ERA;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return [year, month, dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1];
}
