import { Cron } from 'croner';

const FIELDS = [
  { name: 'minute', values: '0 to 59' },
  { name: 'hour', values: '0 to 23' },
  { name: 'day of month', values: '1 to 31, or L for the last' },
  { name: 'month', values: '1 to 12, or JAN to DEC' },
  { name: 'day of week', values: '0 to 7, or SUN to SAT' },
];

/** What is wrong with a cron expression of five fields; undefined where nothing is. */
export function cronFault(expression: string): string | undefined {
  const fields = expression.trim().split(/\s+/);
  // croner also takes names, such as @daily, and single dates.
  if (fields.length !== FIELDS.length)
    return `must be five fields: ${FIELDS.map(({ name }) => name).join(', ')}`;
  const faulty = fields.findIndex(
    (field, at) => !isReadable(FIELDS.map((_, other) => (other === at ? field : '*')).join(' ')),
  );
  const rule = FIELDS[faulty];
  return rule && `must have as its ${rule.name} * or values from ${rule.values}; , - and / join them`;
}

function isReadable(expression: string): boolean {
  try {
    return parse(expression, 'UTC') !== undefined;
  } catch {
    return false;
  }
}

/** Whether this names a time zone of the IANA database; an offset is none, since it knows no daylight saving time. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/**
 * The next time that fits, later than `after`; null where none ever comes.
 *
 * Where the clock is put forward, a time that it leaves out comes at the moment of the change, once; where it is put
 * back, a time that it shows twice comes the first time only. An expression whose minute or hour has `*` or a step is
 * meant as an interval: it comes whenever the clock shows a time that fits, so neither made up for nor left out.
 */
export function nextTurn(expression: string, timeZone: string, after: Date): Date | null {
  return parse(expression, timeZone).nextRun(after);
}

function parse(expression: string, timezone: string): Cron {
  return new Cron(expression, { timezone, mode: '5-part', fixedTimeRule: 'no-wildcard', paused: true });
}
