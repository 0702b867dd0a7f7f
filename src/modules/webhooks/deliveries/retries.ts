import type { WebhooksConfig } from '../../../config/index.js';

/**
 * How long a delivery waits for its next attempt, in seconds: a wait that doubles with each attempt up to a bound, of which
 * between half and all is taken by chance, so that receivers that come back are not called by all at once; longer where
 * the receiver asks for it; and never past the end of its time, when it is tried for the last time.
 * @param attempts how many it has had
 * @param ageSeconds time since the first of them
 * @param retryAfterSeconds what the receiver asks for
 * @param chance from 0 to 1
 * @returns undefined where its time is over
 */
export function secondsToRetry(
  { retrySeconds, maxRetrySeconds, retryHours }: WebhooksConfig,
  attempts: number,
  ageSeconds: number,
  retryAfterSeconds = 0,
  chance = Math.random(),
): number | undefined {
  const left = retryHours * 3600 - ageSeconds;
  if (left <= 0) return undefined;
  const whole = Math.min(maxRetrySeconds, retrySeconds * 2 ** (attempts - 1));
  return Math.min(left, Math.max(whole * (0.5 + chance / 2), retryAfterSeconds));
}
