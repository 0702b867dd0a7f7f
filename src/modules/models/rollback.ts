import type { StageChange } from './model.entity.js';

type Move = Pick<StageChange, 'version' | 'fromStage' | 'toStage'>;

/**
 * The version that was in production before the one that is. Where one was rolled back, by a roll-back (the only move
 * from the archive to production) or by hand to staging, it counts as never promoted, so that the next roll-back goes
 * one further back.
 * @param moves those into and out of production, oldest first
 * @param current the version in production; null where none is, so that the one that was there last is looked for
 */
export function versionBefore(moves: readonly Move[], current: string | null): string | undefined {
  const promoted: string[] = [];
  for (const { version, fromStage, toStage } of moves) {
    if (toStage === 'production' && fromStage === 'archived')
      promoted.length = promoted.lastIndexOf(version) + 1;
    else if (toStage === 'production') promoted.push(version);
    else if (toStage === 'staging' && promoted.at(-1) === version) promoted.pop();
    else if (toStage === 'archived' && promoted.at(-1) !== version) promoted.push(version);
  }
  return current === null ? promoted.at(-1) : promoted.at(-2);
}
