import { integerOf, type Integer } from './integers.js';

const TEXT =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d{2})(?::?(\d{2}))?)?)?$/;
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** The first millisecond of the year 1, and of the year 10000, since 1970. */
const FIRST = -62_135_596_800_000;
const END = 253_402_300_800_000;

export const MICROSECONDS = { second: 1e6, minute: 6e7, hour: 3.6e9, day: 8.64e10 } as const;

/** Microseconds since 1970 of whole milliseconds and what is behind them. */
function microsecondsOf(milliseconds: number, rest: number): Integer {
  const sum = milliseconds * 1000 + rest;
  return Number.isSafeInteger(sum) ? sum : integerOf(BigInt(milliseconds) * 1000n + BigInt(rest))!;
}

/**
 * Reads an ISO 8601 date or time, UTC where it names no offset; digits past microseconds are cut off.
 * @returns null for anything else, and for times outside the years 1 to 9999
 */
export function parseTimestamp(text: string): Integer | null {
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
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  const milliseconds = date.getTime() - offset;
  if (milliseconds < FIRST || milliseconds >= END) return null;
  return microsecondsOf(milliseconds, Number(fraction.padEnd(6, '0').slice(0, 6)));
}

/** `YYYY-MM-DDTHH:MM:SS.ffffffZ` */
export function formatTimestamp(time: Integer): string {
  const milliseconds = floorDivide(time, 1000);
  const rest = String(Number(BigInt(time) - BigInt(milliseconds) * 1000n)).padStart(3, '0');
  return `${new Date(milliseconds).toISOString().slice(0, 23)}${rest}Z`;
}

/** How many whole units lie between 1970 and the time; a time before is rounded down. */
export function floorDivide(time: Integer, unit: number): number {
  // A quotient of two numbers may be rounded up to the next whole number; one of a remainder taken off may not.
  if (typeof time === 'number') return (time - modulo(time, unit)) / unit;
  const divisor = BigInt(unit);
  return Number((time - (((time % divisor) + divisor) % divisor)) / divisor);
}

/** The microseconds of the time behind the last whole unit. */
export function modulo(time: Integer, unit: number): number {
  const rest = typeof time === 'number' ? time % unit : Number(time % BigInt(unit));
  return rest < 0 ? rest + unit : rest + 0;
}

/** The parts that `extract` may ask for. */
export const PARTS: Record<string, (time: Integer) => number> = {
  year: (time) => dateOf(time).getUTCFullYear(),
  month: (time) => dateOf(time).getUTCMonth() + 1,
  day: (time) => dateOf(time).getUTCDate(),
  dow: (time) => dateOf(time).getUTCDay(),
  hour: (time) => Math.floor(modulo(time, MICROSECONDS.day) / MICROSECONDS.hour),
  minute: (time) => Math.floor(modulo(time, MICROSECONDS.hour) / MICROSECONDS.minute),
  second: (time) => modulo(time, MICROSECONDS.minute) / 1e6,
  epoch: (time) => Number(time) / 1e6,
};

function dateOf(time: Integer): Date {
  return new Date(floorDivide(time, 1000));
}
