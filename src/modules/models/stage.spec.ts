import { allowedMoves, STAGES } from './stage.js';

describe('allowedMoves', () => {
  it.each([
    ['development', ['staging']],
    ['staging', ['production', 'development']],
    ['production', ['archived', 'staging']],
    ['archived', ['development']],
  ] as const)('should lead from %s to %j', (from, to) => {
    expect(allowedMoves(from, true)).toEqual(to);
  });

  it.each(STAGES)('should not lead from %s to itself, nor anywhere without an artifact', (stage) => {
    expect(allowedMoves(stage, true)).not.toContain(stage);
    expect(allowedMoves(stage, false)).toEqual([]);
  });
});
