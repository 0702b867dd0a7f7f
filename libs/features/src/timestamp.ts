const TEXT =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d{2})(?::?(\d{2}))?)?)?$/;
const MICROSECONDS = 1_000_000;
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** The first second of the year 1, and of the year 10000, since 1970. */
const FIRST_SECOND = -62_135_596_800;
const END_SECOND = 253_402_300_800;

/** An instant: whole seconds since 1970, and the microseconds behind them, 0 to 999,999. */
export interface Instant {
  readonly seconds: number;
  readonly micros: number;
}

/**
 * Reads an ISO 8601 date or time, UTC where it names no offset; digits past microseconds are cut off, as DuckDB does.
 * @returns null for anything else, and for times outside the years 1 to 9999
 */
export function parseInstant(text: string): Instant | null {
  const found = text.length <= 40 ? TEXT.exec(text) : null;
  if (!found) return null;
  const [, year, month, day, hour = 0, minute = 0, second = 0, fraction = '', sign, hours = 0, minutes = 0] =
    found;
  const isLeap = Number(year) % 4 === 0 && (Number(year) % 100 !== 0 || Number(year) % 400 === 0);
  const last = Number(month) === 2 && isLeap ? 29 : (DAYS_OF_MONTH[Number(month) - 1] ?? 0);
  if (Number(day) < 1 || Number(day) > last) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (Number(hours) > 23 || Number(minutes) > 59) return null;
  // Date.UTC would take the years below 100 for those of the twentieth century.
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  const offset = (Number(hours) * 3600 + Number(minutes) * 60) * (sign === '-' ? -1 : 1);
  const seconds = date.getTime() / 1000 - offset;
  if (seconds < FIRST_SECOND || seconds >= END_SECOND) return null;
  return { seconds, micros: Number(fraction.padEnd(6, '0').slice(0, 6)) };
}

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ`. */
export function formatInstant({ seconds, micros }: Instant): string {
  const text = new Date(seconds * 1000).toISOString();
  return `${text.slice(0, 19)}.${String(micros).padStart(6, '0')}Z`;
}

/**
 * Microseconds since 1970 of an instant; null where a number does not hold them exactly, which is before the year 1685
 * and after 2254. Event times are kept so.
 */
export function toMicroseconds({ seconds, micros }: Instant): number | null {
  const sum = seconds * MICROSECONDS + micros;
  return Number.isSafeInteger(sum) ? sum : null;
}

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` of whole microseconds since 1970. */
export function formatMicroseconds(microseconds: number): string {
  const seconds = Math.floor(microseconds / MICROSECONDS);
  return formatInstant({ seconds, micros: microseconds - seconds * MICROSECONDS });
}
