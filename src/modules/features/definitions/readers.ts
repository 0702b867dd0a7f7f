import type { TenantFeatures } from '../catalog/tenant-features.js';
import { featuresOf, type FeatureService, type OnDemandView, type View } from './definitions.js';

/** What reads some features, by references that match `pattern`. */
export interface Readers {
  /** Views on demand whose expressions read them. */
  readonly views: readonly OnDemandView[];
  /** Services that take them, or features of these views. */
  readonly services: readonly FeatureService[];
  /** A regular expression, of PostgreSQL as of JavaScript, that their references match, and those of these views. */
  readonly pattern: string;
}

/** What reads a whole view, whatever its version. */
export function readersOfView(name: string, known: TenantFeatures): Readers {
  return readersOf(`^${name}(@v[0-9]+)?:`, known);
}

/**
 * What reads features of a version of a view: by its number, and by the view's name alone where it is the current one.
 * @param names of the features; null for all
 */
export function readersOfVersion(
  view: View,
  known: TenantFeatures,
  names: readonly string[] | null = null,
): Readers {
  return readersOf(patternOf(view, known, names), known);
}

/** What reads features of the current version of a view by its name alone. @param names of the features */
export function followersOf(name: string, known: TenantFeatures, names: readonly string[]): Readers {
  return readersOf(`^${name}:(${names.join('|')})$`, known);
}

function patternOf(view: View, known: TenantFeatures, names: readonly string[] | null): string {
  const numbered = `${view.name}@v${view.version}`;
  const isCurrent = known.views.get(view.name)?.current.version === view.version;
  const prefix = isCurrent ? `(${view.name}|${numbered})` : numbered;
  return names === null ? `^${prefix}:` : `^${prefix}:(${names.join('|')})$`;
}

function readersOf(pattern: string, known: TenantFeatures): Readers {
  const direct = new RegExp(pattern);
  const views = [...known.views.values()]
    .flatMap(({ versions }) => [...versions.values()])
    .filter((view) => view.kind === 'on_demand')
    .filter(({ inputs }) => inputs.features.some((reference) => direct.test(reference)));
  const all = [pattern, ...views.map((view) => patternOf(view, known, null))].join('|');
  const any = new RegExp(all);
  const services = [...known.services.values()].filter(({ features }) =>
    features.some(({ reference }) => any.test(reference)),
  );
  return { views, services, pattern: all };
}

/** Features of a version that another one lacks, or has with another type. */
export function lostFeatures(from: View, to: View): string[] {
  const types = new Map(featuresOf(to).map(({ name, type }) => [name, type]));
  return featuresOf(from).flatMap(({ name, type }) => (types.get(name) === type ? [] : [name]));
}
