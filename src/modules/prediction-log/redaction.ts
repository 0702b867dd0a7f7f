import { fieldsProblem, jsonPointer, Problem } from '../../platform/errors/problem.js';
import type { VersionFeatures } from '../models/versions.service.js';

/** Names of the features that a message lists at most. */
const MOST_LISTED = 20;

/**
 * Refuses names that would redact nothing, as those that were typed wrong: then what was to be left out would be logged.
 * @param versions features of the model's versions, newest first
 * @throws Problem 422
 */
export function refuseUnknownFeatures(
  redacted: readonly string[],
  versions: readonly VersionFeatures[],
): void {
  if (redacted.length === 0) return;
  if (versions.length === 0) {
    const why = 'The model has no version with an artifact yet, so that its features are not known';
    throw new Problem('VALIDATION_ERROR', `${why}; set sample_rate to 0 until it has one.`, {
      errors: [{ pointer: '/redacted_features', message: 'cannot be checked before there is a version' }],
    });
  }
  const known = new Set(versions.flatMap(({ features }) => features));
  const errors = redacted.flatMap((name, at) => {
    if (known.has(name)) return [];
    const message = `no version of the model has a feature ${JSON.stringify(name)}; they have ${listed(known)}`;
    return [{ pointer: jsonPointer('redacted_features', at), message }];
  });
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
}

/**
 * A feature that the newest version does not have stays redacted for the others. It may have another name by now,
 * under which it is logged: nobody but the model's owner can know.
 */
export function warningsOf(redacted: readonly string[], versions: readonly VersionFeatures[]): string[] {
  const [newest] = versions;
  if (!newest) return [];
  const features = new Set(newest.features);
  return redacted
    .filter((name) => !features.has(name))
    .map(
      (name) =>
        `Version ${newest.version} has no feature ${JSON.stringify(name)}; if it was renamed there, redact that name too.`,
    );
}

function listed(names: ReadonlySet<string>): string {
  const shown = [...names].slice(0, MOST_LISTED).map((name) => JSON.stringify(name));
  return `${shown.join(', ')}${names.size > MOST_LISTED ? ', …' : ''}`;
}
