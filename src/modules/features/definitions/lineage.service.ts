import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/database.js';
import { FeatureVersionsService, type VersionsWithFeatures } from '../../models/feature-versions.service.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import type { TenantFeatures } from '../catalog/tenant-features.js';
import { notFound } from './definition-reads.service.js';
import { type FeatureService, parseViewReference, type View } from './definitions.js';
import type { FeatureModelVersionBody, FeatureLineageBody, LineageViewBody } from './lineage.dto.js';
import { readersOfVersion } from './readers.js';

/** Newest versions of models that one answer lists. */
export const MOST_VERSIONS = 200;

/** Where features come from, and where they go. */
@Injectable()
export class LineageService {
  constructor(
    private readonly database: Database,
    private readonly catalog: FeatureCatalog,
    private readonly versions: FeatureVersionsService,
  ) {}

  /** @param reference name of a view, for its current version, or name@v2 @throws Problem 404 */
  async ofView(tenant: string, reference: string): Promise<FeatureLineageBody> {
    const known = await this.catalog.of(tenant);
    const { view: name, version } = parseViewReference(reference) ?? notFound('view', reference);
    const versions = known.views.get(name);
    const view = version === null ? versions?.current : versions?.versions.get(version);
    if (!view) return notFound('view', reference);
    const { views, services, pattern } = readersOfVersion(view, known);
    const models = await this.database.asTenant(tenant, (scope) =>
      this.versions.all(scope, { references: pattern }, MOST_VERSIONS),
    );
    return bodyOf([...inputsOf(view, known), view, ...views], services, models);
  }

  /** @throws Problem 404 */
  async ofService(tenant: string, name: string): Promise<FeatureLineageBody> {
    const known = await this.catalog.of(tenant);
    const service = known.services.get(name) ?? notFound('feature service', name);
    const direct = viewsOf(
      service.features.map(({ reference }) => reference),
      known,
    );
    const models = await this.database.asTenant(tenant, (scope) =>
      this.versions.all(scope, { service: name }, MOST_VERSIONS),
    );
    return bodyOf([...direct.flatMap((view) => inputsOf(view, known)), ...direct], [service], models);
  }
}

/** Views that the expressions of a view read. */
function inputsOf(view: View, known: TenantFeatures): View[] {
  return view.kind === 'on_demand' ? viewsOf(view.inputs.features, known) : [];
}

function viewsOf(references: readonly string[], known: TenantFeatures): View[] {
  return references.flatMap((reference) => {
    const found = known.find(reference);
    return typeof found === 'string' ? [] : [found.view];
  });
}

function bodyOf(
  views: readonly View[],
  services: readonly FeatureService[],
  { count, versions }: VersionsWithFeatures,
): FeatureLineageBody {
  const distinct = [...new Set(views)];
  const sources = distinct.flatMap((view) => (view.kind === 'stored' ? [view.source] : []));
  return {
    sources: sources
      .filter(({ path }, index) => sources.findIndex((other) => other.path === path) === index)
      .map(({ path, format }) => ({ path, format })),
    views: distinct.map(toLineageView),
    services: services.map(({ name, features }) => ({
      name,
      reads: features.map(({ reference }) => reference),
    })),
    model_versions: toModelVersions(versions),
    model_version_count: count,
  };
}

function toLineageView(view: View): LineageViewBody {
  const { name, version, kind } = view;
  return { name, version, kind, reads: view.kind === 'stored' ? [view.source.path] : view.inputs.features };
}

export function toModelVersions(versions: VersionsWithFeatures['versions']): FeatureModelVersionBody[] {
  return versions.map(({ modelId, model, version, stage, service }) => ({
    model_id: modelId,
    model_name: model,
    version,
    stage,
    feature_service: service,
  }));
}
