import type { VersionState } from './models.repository.js';

/**
 * The version that answers a request that names none: the one in production, else, only while the model has
 * never had one, the newest ready one that is not archived.
 * @param versions newest number first
 */
export function defaultVersion<T extends VersionState>(
  versions: readonly T[],
  hadProduction: boolean,
): T | undefined {
  const production = versions.find(({ stage }) => stage === 'production');
  if (production || hadProduction) return production;
  return versions.find(({ filledAt, stage }) => filledAt !== null && stage !== 'archived');
}
