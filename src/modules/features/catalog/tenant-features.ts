import { closestName, type ComparisonBudget } from '#libs/inference';
import { fieldsProblem, type FieldError, jsonPointer, unfit } from '../../../platform/errors/problem.js';
import type { DefinitionRows } from '../definitions/definitions.repository.js';
import type { FeatureViewRow } from '../definitions/definition.entity.js';
import {
  type EntityDefinition,
  type Feature,
  featuresOf,
  type FeatureService,
  type KeyColumn,
  parseReference,
  parseViewReference,
  type StoredView,
  type View,
  type ViewReference,
} from '../definitions/definitions.js';

/** The versions of a view. */
export interface ViewVersions {
  /** The one that the name without a version reads. */
  readonly current: View;
  readonly versions: ReadonlyMap<number, View>;
}

/** A reference, and what it reads. */
export interface ResolvedFeature {
  readonly reference: string;
  readonly view: View;
  readonly feature: Feature;
}

/** Names are compared for about a millisecond; what is unknown beyond that is told without a suggestion. */
const MAX_COMPARISONS = 300_000;

/** All definitions of one tenant, as of one revision. */
export class TenantFeatures {
  /** @param revision rises with each change of the tenant's definitions */
  constructor(
    readonly entities: ReadonlyMap<string, EntityDefinition>,
    readonly views: ReadonlyMap<string, ViewVersions>,
    readonly services: ReadonlyMap<string, FeatureService>,
    readonly revision: number,
  ) {}

  static of({ entities, views, services }: DefinitionRows, revision: number): TenantFeatures {
    return new TenantFeatures(
      new Map(entities.map(({ name, definition }) => [name, { name, ...definition }])),
      viewsOf(views),
      new Map(services.map(({ name, definition }) => [name, { name, ...definition }])),
      revision,
    );
  }

  /** The same with this definition in place of one of its name, or beside the others. */
  withEntity(entity: EntityDefinition): TenantFeatures {
    const entities = new Map(this.entities).set(entity.name, entity);
    return new TenantFeatures(entities, this.views, this.services, this.revision);
  }

  /** Like `withEntity`; a first version of its name is the current one. */
  withView(view: View): TenantFeatures {
    const before = this.views.get(view.name);
    const versions = new Map(before?.versions).set(view.version, view);
    const current = before && before.current.version !== view.version ? before.current : view;
    const views = new Map(this.views).set(view.name, { current, versions });
    return new TenantFeatures(this.entities, views, this.services, this.revision);
  }

  /** Like `withEntity`. */
  withService(service: FeatureService): TenantFeatures {
    const services = new Map(this.services).set(service.name, service);
    return new TenantFeatures(this.entities, this.views, services, this.revision);
  }

  /** Every version of every view that has the entity. */
  viewsOf(entity: string): StoredView[] {
    return [...this.views.values()]
      .flatMap(({ versions }) => [...versions.values()])
      .filter((view) => view.kind === 'stored')
      .filter(({ entities }) => entities.includes(entity));
  }

  /** The key columns that an entity row needs for a view: its own, or those of the views that its expressions read. */
  keysOf(view: View): readonly KeyColumn[] {
    if (view.kind === 'stored') return view.keys;
    const views = view.inputs.features.map((reference) => this.find(reference));
    return keysOf(views.flatMap((found) => (typeof found === 'string' ? [] : this.keysOf(found.view))));
  }

  /**
   * What each reference reads.
   * @param pointer the field of the request that lists the references
   * @throws Problem 422 that names every reference that is wrong or unknown, and the nearest name
   */
  resolve(references: readonly string[], pointer = '/feature_refs'): ResolvedFeature[] {
    const budget = { left: MAX_COMPARISONS };
    const errors: FieldError[] = [];
    const resolved = references.map((reference, index) => {
      const found = this.find(reference, budget);
      if (typeof found === 'string') errors.push({ pointer: pointer + jsonPointer(index), message: found });
      return found;
    });
    if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
    return resolved as ResolvedFeature[];
  }

  /**
   * @param pointer the field of the request that names the service
   * @throws Problem 422 where there is none of this name
   */
  service(name: string, pointer = '/feature_service'): FeatureService {
    const service = this.services.get(name);
    if (service) return service;
    throw unfit(pointer, `there is no feature service '${name}'${this.meant(name, this.services.keys())}`);
  }

  /**
   * @param text name of a view, or name@v2 for one version of it
   * @param pointer the field of the request that holds it
   * @throws Problem 422 where there is no such view or version
   */
  view(text: string, pointer: string): View {
    const parsed = parseViewReference(text);
    if (!parsed) throw unfit(pointer, `must be a name of a view, or name@v2, got '${text.slice(0, 200)}'`);
    const found = this.findView(parsed, { left: MAX_COMPARISONS });
    if (typeof found === 'string') throw unfit(pointer, found);
    return found;
  }

  /** What the reference reads, or what is wrong with it. */
  find(reference: string, budget: ComparisonBudget = { left: MAX_COMPARISONS }): ResolvedFeature | string {
    const parsed = parseReference(reference);
    if (!parsed) return `must be view:feature or view@v2:feature, got '${reference.slice(0, 200)}'`;
    const view = this.findView(parsed, budget);
    if (typeof view === 'string') return view;
    const features = featuresOf(view);
    const feature = features.find(({ name }) => name === parsed.feature);
    if (feature) return { reference, view, feature };
    const names = features.map(({ name }) => name);
    return `the view '${view.name}' has no feature '${parsed.feature}' in version ${view.version}${this.meant(parsed.feature, names, budget)}`;
  }

  private findView({ view: name, version: number }: ViewReference, budget: ComparisonBudget): View | string {
    const view = this.views.get(name);
    if (!view) return `there is no view '${name}'${this.meant(name, this.views.keys(), budget)}`;
    if (number === null) return view.current;
    const known = [...view.versions.keys()].join(', ');
    return view.versions.get(number) ?? `the view '${name}' has no version ${number}, only ${known}`;
  }

  private meant(
    wrong: string,
    names: Iterable<string>,
    budget: ComparisonBudget = { left: MAX_COMPARISONS },
  ): string {
    const meant = closestName(wrong, names, budget);
    return meant === null ? '' : `; did you mean '${meant}'?`;
  }
}

function viewsOf(rows: readonly FeatureViewRow[]): ReadonlyMap<string, ViewVersions> {
  const views = new Map<string, { current: View; versions: Map<number, View> }>();
  for (const row of rows) {
    const view = viewOf(row);
    const versions = views.get(row.name) ?? { current: view, versions: new Map<number, View>() };
    versions.versions.set(row.version, view);
    if (row.isCurrent) versions.current = view;
    views.set(row.name, versions);
  }
  return views;
}

export function viewOf({ name, version, definition, onlineId }: FeatureViewRow): View {
  if (definition.kind === 'on_demand') return { ...definition, name, version };
  return { ...definition, name, version, online_id: onlineId as number };
}

/** Each column once, where it comes first. */
export function keysOf(columns: readonly KeyColumn[]): KeyColumn[] {
  return columns.filter(({ name }, index) => columns.findIndex((other) => other.name === name) === index);
}
