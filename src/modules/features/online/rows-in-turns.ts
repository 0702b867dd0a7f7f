import { setImmediate } from 'node:timers/promises';
import { type OnlineValue, parseOnlineValue } from '#libs/features';
import type { ReadPlan } from './read-plan.js';

/** Rows are read for so long before other requests have their turn. */
const TURN_MS = 5;
/** Of rows whose features are kept; to compute features of one row may take as long as a turn. */
const ROWS_BETWEEN_LOOKS = 16;

/**
 * Reads the values of one row after the other, and leaves the thread to other requests now and then.
 * @param texts as Redis holds them, in the order of `keysOf`
 * @param take gets the values of a row, null where there is none
 * @throws CorruptValue
 */
export async function readInTurns(
  { reads, inputs }: ReadPlan,
  rows: number,
  texts: readonly (string | null)[],
  take: (row: number, values: readonly (OnlineValue | null)[]) => void,
): Promise<void> {
  const width = reads.length;
  const rowsBetweenLooks = inputs.length > 0 ? 1 : ROWS_BETWEEN_LOOKS;
  let turnEnds = performance.now() + TURN_MS;
  for (let row = 0; row < rows; row++) {
    if (row % rowsBetweenLooks === 0 && performance.now() > turnEnds) {
      await setImmediate();
      turnEnds = performance.now() + TURN_MS;
    }
    const values: (OnlineValue | null)[] = [];
    for (let at = row * width; at < (row + 1) * width; at++) {
      const text = texts[at]!;
      values.push(text === null ? null : parseOnlineValue(text));
    }
    take(row, values);
  }
}
