import { Injectable } from '@nestjs/common';
import { unfit } from '../../platform/errors/problem.js';
import { type EntityFeatures, EntityFeaturesService } from '../features/online/entity-features.service.js';
import { type ServableVersion, ServingService } from '../serving/serving.service.js';
import type { PredictRequest } from './predict-request.js';

/** What of the looked-up features of a row is not there: NULL, MISSING or EXPIRED, by name. */
export type FeatureGaps = Record<string, string>;

/** A request whose rows hold the features of its entities. */
export interface FilledRequest extends PredictRequest {
  /** One a row. */
  readonly gaps: FeatureGaps[];
}

export type VersionFeatures = NonNullable<ServableVersion['featureService']>['features'];

/** A whole number past 2^53 - 1, which features hold as text. */
const LARGE_INTEGER = /^-?\d{16,19}$/;

/** Looks up the features of entities, for requests that name these instead of all features. */
@Injectable()
export class PredictionsByEntity {
  /** Of the features of a version's service those that its model takes. */
  private readonly taken = new WeakMap<ServableVersion, VersionFeatures>();

  constructor(
    private readonly serving: ServingService,
    private readonly features: EntityFeaturesService,
  ) {}

  /**
   * The request with the looked-up features in its rows, for exactly the version that they were looked up for. Features
   * that it names win.
   * @throws Problem as `ServingService.find` and `check`, 503 where the online store is away
   */
  async fill(tenant: string, request: PredictRequest): Promise<FilledRequest> {
    const { servable } = await this.serving.find(tenant, request);
    const entities = request.entities!;
    const features = this.featuresOf(servable);
    const found = await this.features.read(tenant, features, entities, pointersOf(request));
    return {
      ...request,
      model: servable.modelId,
      version: servable.version,
      rows: request.rows.map((given, row) => merge(found[row]!, given as object, servable)),
      gaps: request.rows.map((given, row) => gapsOf(found[row]!, given as object)),
    };
  }

  /** @throws Problem 422 where the version was not trained on a feature service, or a key does not fit */
  async check(tenant: string, servable: ServableVersion, request: PredictRequest): Promise<void> {
    const features = this.featuresOf(servable);
    await this.features.check(tenant, features, request.entities!, pointersOf(request));
  }

  /** @throws Problem 422 */
  private featuresOf(servable: ServableVersion): VersionFeatures {
    let taken = this.taken.get(servable);
    if (!taken) {
      taken = featuresTaken(servable, '/entities');
      this.taken.set(servable, taken);
    }
    return taken;
  }
}

/**
 * Of the features of a version's service those that its model takes.
 * @param pointer the field of the request that asks for them
 * @throws Problem 422 where the version was not trained on a feature service
 */
export function featuresTaken(
  { featureService, signature, version, ensemble }: ServableVersion,
  pointer: string,
): VersionFeatures {
  if (!featureService) {
    const why = ensemble ? 'is an ensemble' : 'was not trained on a feature service';
    throw unfit(pointer, `is not for version ${version}, which ${why}; send its features`);
  }
  const inputs = new Set(signature.inputs.map(({ name }) => name));
  return featureService.features.filter(({ name }) => inputs.has(name));
}

function pointersOf({ single }: PredictRequest): (row: number) => string {
  return single ? () => '/entities' : (row) => `/entities/${row}`;
}

function merge({ values }: EntityFeatures, given: object, { signature }: ServableVersion): object {
  const row: Record<string, unknown> = { ...values, ...given };
  for (const [name, value] of Object.entries(values))
    if (typeof value === 'string' && LARGE_INTEGER.test(value) && row[name] === value)
      if (signature.inputs.some((input) => input.name === name && input.type !== 'string'))
        row[name] = Number(value);
  return row;
}

function gapsOf({ statuses }: EntityFeatures, given: object): FeatureGaps {
  return Object.fromEntries(
    Object.entries(statuses).filter(([name, status]) => status !== 'PRESENT' && !Object.hasOwn(given, name)),
  );
}
