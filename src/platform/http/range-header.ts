import type { ByteRange } from '#libs/object-store';

/**
 * One byte range of RFC 9110, section 14.1.2: `bytes=0-99`, `bytes=100-`, `bytes=-100` (the last 100). A header
 * that asks for anything else is ignored, as the RFC allows.
 */
export function parseRange(header: string, size: number): ByteRange | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header) ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') return { start: Math.max(0, size - Number(last)) };
  if (last !== '' && Number(last) < Number(first)) return undefined;
  return { start: Number(first), end: last === '' ? undefined : Number(last) };
}
