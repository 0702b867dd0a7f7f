import { Injectable } from '@nestjs/common';
import { invalid, unfit } from '../../../platform/errors/problem.js';
import type { DataFile, DataFormat } from '../../../platform/storage/data-files.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import type { TenantFeatures } from '../catalog/tenant-features.js';
import { nameOf, type ServiceFeature } from '../definitions/definitions.js';
import { definitionHash } from './definition-hash.js';
import { type JoinPlan, planJoin } from './join-plan.js';
import { ViewSources } from './view-sources.js';

export type { ServiceFeature };

/** Which features a request asks for: those of a service, or some by their references. */
export interface FeatureRequest {
  readonly feature_service?: string;
  readonly feature_refs?: readonly string[];
  /** Whether a reference is called `view__feature`. */
  readonly full_feature_names?: boolean;
}

/** Rows that features are joined to. */
export interface EntityRows {
  readonly format: DataFormat;
  readonly files: readonly DataFile[];
  /** Column of the time that a row is as of; null: `as_of` of the join, which its caller adds, tells it of all. */
  readonly timestampColumn: string | null;
  /** Whether rows of sources count that were created after that time. */
  readonly ignoreCreated: boolean;
}

/** What the trainer joins, and by which bytes. */
export interface SpecifiedJoin {
  /** `join` of contracts/features-spec.v1.schema.json. */
  readonly spec: object;
  /** Files of all views. */
  readonly viewFiles: readonly DataFile[];
  /** Of all that decides what comes out; `definitionHash`. */
  readonly definitionSha256: string;
}

/** Point-in-time joins of features to rows, for whatever job needs one. */
@Injectable()
export class FeatureJoins {
  constructor(
    private readonly catalog: FeatureCatalog,
    private readonly sources: ViewSources,
  ) {}

  /**
   * The features that a request asks for, with the versions of views that their references read now: what a job keeps,
   * so that no later change of the service or promotion of a view changes what it reads.
   * @param parent pointer to what of the body the request is
   * @throws Problem 400 unless it names a service or references, 422 for what is unknown, and for two of one name
   */
  async pin(tenant: string, request: FeatureRequest, parent = ''): Promise<ServiceFeature[]> {
    const { feature_service: service, feature_refs: references, full_feature_names: isFull } = request;
    if ((service === undefined) === (references === undefined))
      throw invalid(`${parent}/feature_refs`, 'must be there, or feature_service, and not both');
    if (service !== undefined && isFull)
      throw invalid(
        `${parent}/full_feature_names`,
        'is for feature_refs; a feature service has names of its own',
      );
    const features = await this.catalog.of(tenant);
    const pinned =
      service === undefined
        ? named(features, request)
        : pinnedOf(features, service, `${parent}/feature_service`);
    planJoin(features, pinned);
    return pinned;
  }

  /** @throws Problem 422 where a view is not there any more */
  async plan(tenant: string, features: readonly ServiceFeature[]): Promise<JoinPlan> {
    return planJoin(await this.catalog.of(tenant), features);
  }

  /**
   * Finds the sources of a plan's views, and says what is to be joined.
   * @param jobId the job that is about to read them
   * @throws Problem as `ViewSources.find`
   */
  async specify(
    tenant: string,
    plan: JoinPlan,
    rows: EntityRows,
    jobId: string,
    warn: (message: string) => void,
  ): Promise<SpecifiedJoin> {
    const views = [];
    for (const view of plan.views) views.push(await this.sources.find(tenant, view, jobId, warn));
    const spec = {
      entity_rows: { format: rows.format, uris: rows.files.map(({ uri }) => uri) },
      timestamp_column: rows.timestampColumn,
      ignore_created: rows.ignoreCreated,
      views: views.map((view) => view.spec),
      columns: plan.columns,
      on_demand: plan.onDemand,
      output_order: plan.order,
    };
    const viewFiles = views.flatMap(({ files }) => files);
    return { spec, viewFiles, definitionSha256: definitionHash(spec, [...rows.files, ...viewFiles]) };
  }
}

function pinnedOf(features: TenantFeatures, service: string, pointer: string): ServiceFeature[] {
  const listed = features.service(service, pointer).features;
  const references = listed.map(({ reference }) => reference);
  return features.resolve(references, pointer).map(({ view, feature }, at) => ({
    ...(listed[at] as ServiceFeature),
    reference: `${nameOf(view)}:${feature.name}`,
  }));
}

function named(
  features: TenantFeatures,
  { feature_refs: references = [], full_feature_names: isFull }: FeatureRequest,
): ServiceFeature[] {
  const pinned = features.resolve(references).map(({ reference, view, feature }) => ({
    reference: `${nameOf(view)}:${feature.name}`,
    name: isFull ? reference.replace(':', '__') : feature.name,
  }));
  const twice = pinned.findIndex(({ name }, at) => pinned.findIndex((other) => other.name === name) !== at);
  if (twice < 0) return pinned;
  const remedy = isFull ? 'name it once' : 'set full_feature_names, or name it once';
  throw unfit(
    `/feature_refs/${twice}`,
    `would be called '${pinned[twice]!.name}' as another one is; ${remedy}`,
  );
}
