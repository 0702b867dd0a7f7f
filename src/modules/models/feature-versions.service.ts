import { Injectable } from '@nestjs/common';
import type { JsonValue } from '#libs/features';
import type { SignatureDefinition } from '#libs/inference';
import type { TenantScope } from '../../platform/database/database.js';
import { unfit } from '../../platform/errors/problem.js';
import { ModelFinder } from './model-finder.js';
import { type FeatureFilter, ModelsRepository } from './models.repository.js';
import type { Stage } from './stage.js';
import { formatVersion } from './version-number.js';

/** A version of a model that takes features of a feature service. */
export interface VersionWithFeatures {
  readonly modelId: string;
  readonly model: string;
  readonly version: string;
  readonly stage: Stage;
  /** Name of the feature service. */
  readonly service: string;
}

/** A feature service as a version keeps it: `data.feature_service`. */
export interface TrainedService {
  readonly name: string;
  readonly features: readonly {
    /** With the version of the view that it reads. */
    readonly reference: string;
    /** Under which the model takes it. */
    readonly name: string;
    /** Stands for a value that is null; undefined where nothing does. */
    readonly default?: JsonValue;
  }[];
}

/** The features of a service by its name. @throws Problem 422 with the pointer /feature_service where there is none */
export type PinFeatures = (tenant: string, service: string) => Promise<TrainedService['features']>;

/** Features that a message lists at most. */
const MOST_LISTED = 20;

export interface VersionsWithFeatures {
  /** How many there are in all. */
  readonly count: number;
  /** The newest of them. */
  readonly versions: readonly VersionWithFeatures[];
}

/** The registry as features need it: which versions take which features. */
@Injectable()
export class FeatureVersionsService {
  private pin?: PinFeatures;

  constructor(
    private readonly models: ModelsRepository,
    private readonly finder: ModelFinder,
  ) {}

  /**
   * Every version that takes features of a service.
   * @param of name of the service, or a regular expression of PostgreSQL that a reference of its features matches
   */
  async all(scope: TenantScope, of: FeatureFilter, limit: number): Promise<VersionsWithFeatures> {
    return described(await this.models.featureVersions(scope, of, true, limit));
  }

  /** The module that knows features says here how those of a service are found. */
  pinnedBy(pin: PinFeatures): void {
    this.pin = pin;
  }

  /**
   * A feature service as a version keeps it.
   * @throws Problem 422 where there is none of this name, or none of its features is one of the version's
   */
  async serviceFor(tenant: string, name: string, { inputs }: SignatureDefinition): Promise<TrainedService> {
    if (!this.pin) throw new Error('no module knows feature services');
    const features = await this.pin(tenant, name);
    const known = new Set(features.map((feature) => feature.name));
    if (inputs.some((input) => known.has(input.name))) return { name, features };
    const message = `has none of the features of the model; it has ${[...known].slice(0, MOST_LISTED).join(', ')}`;
    throw unfit('/feature_service', message);
  }

  /** The feature service that a version was trained on; undefined where it was not trained on one. */
  async serviceOf(scope: TenantScope, modelId: string, version: string): Promise<TrainedService | undefined> {
    const { found } = await this.finder.findAnswering(scope, modelId, version);
    return found.data.feature_service as TrainedService | undefined;
  }

  /** Like `all`, without those that are archived. */
  async inUse(scope: TenantScope, of: FeatureFilter, limit: number): Promise<VersionsWithFeatures> {
    return described(await this.models.featureVersions(scope, of, false, limit));
  }
}

type Found = Awaited<ReturnType<ModelsRepository['featureVersions']>>;

function described({ count, versions }: Found): VersionsWithFeatures {
  return {
    count,
    versions: versions.map(({ id, name, stage, service, ...number }) => ({
      modelId: id,
      model: name,
      version: formatVersion(number),
      stage,
      service,
    })),
  };
}
