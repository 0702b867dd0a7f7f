import type { JsonValue } from './feature-types.js';

/** What a feature of an entity is at an instant. */
export type FeatureStatus = 'PRESENT' | 'NULL' | 'MISSING' | 'EXPIRED';

/** Times of a value, in whole microseconds since 1970. */
export interface ValueTimes {
  readonly event: number;
  /** null where the view has no created column. */
  readonly created: number | null;
  /** null where the view has no expires column, or the row no such time. */
  readonly expires: number | null;
}

/** The features of an entity of one view, as read from Redis: event, created and expires time, then values by slot. */
export type OnlineValue = readonly [
  event: number,
  created: number | null,
  expires: number | null,
  ...JsonValue[],
];

const FIRST_SLOT = 3;
const MICROSECONDS = 1_000_000;
const DAY_SECONDS = 86_400;

/** Redis holds something else than a value under its key. */
export class CorruptValue extends Error {}

/** The text that Redis holds. @param values by slot of the view's layout */
export function formatOnlineValue(
  { event, created, expires }: ValueTimes,
  values: readonly JsonValue[],
): string {
  return JSON.stringify([event, created, expires, ...values]);
}

/** @throws CorruptValue */
export function parseOnlineValue(text: string): OnlineValue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CorruptValue('a value in Redis is not JSON');
  }
  if (!Array.isArray(value) || typeof value[0] !== 'number')
    throw new CorruptValue('a value in Redis is not an array that begins with its event time');
  return value as unknown as OnlineValue;
}

/** The time to live of a view as `isExpired` takes it. @param seconds null for no end */
export function ttlMicroseconds(seconds: number | null): number {
  return seconds === null ? Infinity : seconds * MICROSECONDS;
}

/** Whether the time of a value is over. @param now microseconds since 1970 */
export function isExpired(value: OnlineValue, ttl: number, now: number): boolean {
  return value[0] + ttl < now || (value[2] !== null && value[2] <= now);
}

/**
 * The value of a slot; undefined where the value was written before the slot was there.
 * @param slot index into the view's layout
 */
export function valueAt(value: OnlineValue, slot: number): JsonValue | undefined {
  return value[FIRST_SLOT + slot] as JsonValue | undefined;
}

/**
 * When Redis may forget a value, in milliseconds since 1970: its time is over since max(ttl, a day), so that readers
 * who ask a while later still hear EXPIRED rather than MISSING. 0 for never.
 * @param ttlSeconds null for no end
 */
export function forgetAt({ event, expires }: ValueTimes, ttlSeconds: number | null): number {
  const end = Math.min(event + ttlMicroseconds(ttlSeconds), expires ?? Infinity);
  if (end === Infinity) return 0;
  return Math.max(1, Math.ceil(end / 1000) + Math.max(ttlSeconds ?? 0, DAY_SECONDS) * 1000);
}
