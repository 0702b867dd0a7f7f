export const STAGES = ['development', 'staging', 'production', 'archived'] as const;
export type Stage = (typeof STAGES)[number];

/** The moves that a version can make by itself; production is also left when another version enters it. */
const MOVES: Record<Stage, readonly Stage[]> = {
  development: ['staging'],
  staging: ['production', 'development'],
  production: ['archived', 'staging'],
  archived: ['development'],
};

/** Where a version may go; one without an artifact goes nowhere. */
export function allowedMoves(from: Stage, hasArtifact: boolean): readonly Stage[] {
  return hasArtifact ? MOVES[from] : [];
}
