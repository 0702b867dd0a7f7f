import { Injectable } from '@nestjs/common';
import type { FeatureStatus, JsonValue } from '#libs/features';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import type { ServiceFeature } from '../definitions/definitions.js';
import { OnlineStore } from './online-store.js';
import { compilePlan, type EntityRow, keysOf, type ReadPlan, rowReader } from './read-plan.js';
import { readInTurns } from './rows-in-turns.js';

/** Features of one entity, by the names that a model takes them under. */
export interface EntityFeatures {
  readonly values: Readonly<Record<string, JsonValue>>;
  readonly statuses: Readonly<Record<string, FeatureStatus>>;
}

/** Reads the features that a version of a model was trained on, by the keys of entities. */
@Injectable()
export class EntityFeaturesService {
  /** By the list of features, of which each version in memory has one. */
  private readonly plans = new WeakMap<object, { readonly revision: number; readonly plan: ReadPlan }>();

  constructor(
    private readonly catalog: FeatureCatalog,
    private readonly store: OnlineStore,
  ) {}

  /**
   * One a row, in one round trip to Redis.
   * @param features the same list for the same version
   * @param pointerOf the field of the request that holds the keys of a row
   * @throws Problem as `check`, 503 where Redis is away
   */
  async read(
    tenant: string,
    features: readonly ServiceFeature[],
    rows: readonly EntityRow[],
    pointerOf: (row: number) => string,
  ): Promise<EntityFeatures[]> {
    const plan = await this.plan(tenant, features, pointerOf(0));
    const texts = await this.store.read(keysOf(plan, rows, pointerOf));
    const readRow = rowReader(plan, Date.now() * 1000);
    const found: EntityFeatures[] = [];
    await readInTurns(plan, rows.length, texts, (row, held) => {
      const values: Record<string, JsonValue> = { ...plan.emptyFeatures };
      const statuses: Record<string, FeatureStatus> = { ...plan.emptyFeatures };
      readRow(rows[row]!, held, values, statuses);
      found.push({ values, statuses });
    });
    return found;
  }

  /** @throws Problem 422 naming every key that does not fit, and features that are not there any more */
  async check(
    tenant: string,
    features: readonly ServiceFeature[],
    rows: readonly EntityRow[],
    pointerOf: (row: number) => string,
  ): Promise<void> {
    keysOf(await this.plan(tenant, features, pointerOf(0)), rows, pointerOf);
  }

  private async plan(
    tenant: string,
    features: readonly ServiceFeature[],
    pointer: string,
  ): Promise<ReadPlan> {
    const definitions = await this.catalog.of(tenant);
    const { revision } = definitions;
    const known = this.plans.get(features);
    if (known?.revision === revision) return known.plan;
    const resolved = definitions.resolve(
      features.map(({ reference }) => reference),
      pointer,
    );
    const wanted = resolved.map((one, at) => ({ resolved: one, ...features[at]! }));
    const plan = compilePlan(
      wanted,
      (inputs) => definitions.resolve(inputs, pointer),
      ({ online_id: id }) => this.store.keyPrefix(tenant, id),
      pointer,
    );
    this.plans.set(features, { revision, plan });
    return plan;
  }
}
