import type { ModelVersion } from './model.entity.js';
import type { Stage } from './stage.js';

/** What has to be known of the versions of a model to choose one. */
export type VersionState = Pick<
  ModelVersion,
  'modelId' | 'major' | 'minor' | 'patch' | 'stage' | 'framework' | 'filledAt'
>;

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

/**
 * The version that a model shows as its own: the one that answers by default, else the first.
 * @param versions newest number first
 */
export function currentVersion<T extends VersionState>(
  versions: readonly T[],
  hadProduction: boolean,
): T | undefined {
  return defaultVersion(versions, hadProduction) ?? versions.at(-1);
}

/** The newest version of a stage that can answer. @param versions newest number first */
export function versionInStage<T extends VersionState>(versions: readonly T[], stage: Stage): T | undefined {
  return versions.find((version) => version.stage === stage && version.filledAt !== null);
}
