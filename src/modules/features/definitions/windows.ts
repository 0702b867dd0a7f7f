const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;
const TEXT = /^([1-9][0-9]{0,9})([smhd])$/;
const MOST_DAYS = 3650;

/** Seconds of a window such as `30d`, `12h`, `15m` or `90s`; undefined where the text is none from 1s to 3650d. */
export function parseWindow(text: string): number | undefined {
  const match = TEXT.exec(text);
  if (!match) return undefined;
  const seconds = Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
  return seconds <= MOST_DAYS * UNITS.d ? seconds : undefined;
}

/** In the largest unit that divides it: the text of 86,400 is `1d`. */
export function formatWindow(seconds: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((each) => seconds % UNITS[each] === 0)!;
  return `${seconds / UNITS[unit]}${unit}`;
}
