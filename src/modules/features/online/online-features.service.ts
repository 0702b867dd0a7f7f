import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { type FeatureStatus, formatMicroseconds, type JsonValue, type OnlineValue } from '#libs/features';
import { FeaturesConfig } from '../../../config/index.js';
import { invalid } from '../../../platform/errors/problem.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import type { TenantFeatures } from '../catalog/tenant-features.js';
import type { OnlineFeaturesBody } from './online-features.dto.js';
import { type OnlineRequest, parseOnlineRequest } from './online-request.js';
import { OnlineStore } from './online-store.js';
import { compilePlan, keysOf, labelOf, type ReadPlan, rowReader, type WantedFeature } from './read-plan.js';
import { readInTurns } from './rows-in-turns.js';

/** Features of the plans in memory together; each takes some hundred bytes. */
const MAX_PLANNED_FEATURES = 100_000;

type Statuses = Record<string, FeatureStatus>;

/** Answers with the newest values of features: definitions from memory, and one round trip to Redis. */
@Injectable()
export class OnlineFeaturesService {
  private readonly plans = new LRUCache<string, ReadPlan>({
    maxSize: MAX_PLANNED_FEATURES,
    sizeCalculation: ({ features, reads }) => features.length + reads.length,
  });

  constructor(
    private readonly catalog: FeatureCatalog,
    private readonly store: OnlineStore,
    private readonly config: FeaturesConfig,
  ) {}

  /**
   * @throws Problem 400 for the envelope, 422 naming every feature and key that does not fit, 503 where Redis or, for
   * definitions that are not in memory, the database is away
   */
  async answer(tenant: string, body: unknown): Promise<OnlineFeaturesBody> {
    const request = parseOnlineRequest(body, this.config.maxRows);
    const held = this.catalog.of(tenant);
    const plan = this.plan(tenant, held instanceof Promise ? await held : held, request);
    const { rows } = request;
    const { maxValues } = this.config;
    if (rows.length * plan.features.length > maxValues)
      throw invalid('/entity_rows', `must be at most ${maxValues} values: rows times features`);
    const keys = keysOf(plan, rows, (row) => `/entity_rows/${row}`);
    return this.results(plan, request, await this.store.read(keys));
  }

  private plan(tenant: string, features: TenantFeatures, request: OnlineRequest): ReadPlan {
    const { references, service, fullNames } = request;
    // A reference holds no line break, so that as many of them are never the same text as others.
    const what = references
      ? `${references.length}${fullNames ? 'full' : ''}\n${references.join('\n')}`
      : `service\n${service}`;
    const key = `${tenant}\n${features.revision}\n${what}`;
    let plan = this.plans.get(key);
    if (!plan) {
      const wanted = references
        ? wantedOf(features, references, fullNames)
        : wantedOfService(features, service!);
      const prefix = ({ online_id: id }: { online_id: number }) => this.store.keyPrefix(tenant, id);
      const pointer = references ? '/feature_refs' : '/feature_service';
      plan = compilePlan(wanted, (inputs) => features.resolve(inputs, pointer), prefix, pointer);
      this.plans.set(key, plan);
    }
    return plan;
  }

  private async results(
    plan: ReadPlan,
    { rows, includeStatus, includeEventTimes }: OnlineRequest,
    texts: readonly (string | null)[],
  ): Promise<OnlineFeaturesBody> {
    const results: OnlineFeaturesBody['results'] = [];
    const statuses: Statuses[] = [];
    const eventTimes: Record<string, string | null>[] = [];
    const read = rowReader(plan, Date.now() * 1000);
    await readInTurns(plan, rows.length, texts, (at, values) => {
      const result = { ...plan.emptyRow, ...rows[at] } as Record<string, JsonValue>;
      const status: Statuses | undefined = includeStatus ? { ...plan.emptyFeatures } : undefined;
      read(rows[at]!, values, result, status);
      results.push(result);
      if (status) statuses.push(status);
      if (includeEventTimes) eventTimes.push(eventTimesOf(plan, values));
    });
    return {
      results,
      ...(includeStatus && { statuses }),
      ...(includeEventTimes && { event_times: eventTimes }),
    };
  }
}

function eventTimesOf(
  { reads }: ReadPlan,
  values: readonly (OnlineValue | null)[],
): Record<string, string | null> {
  return Object.fromEntries(
    reads.map(({ label }, at) => [label, values[at] ? formatMicroseconds(values[at][0]) : null]),
  );
}

function wantedOf(
  features: TenantFeatures,
  references: readonly string[],
  fullNames: boolean,
): WantedFeature[] {
  return features.resolve(references).map((resolved) => {
    const { reference, feature } = resolved;
    return { resolved, name: fullNames ? `${labelOf(reference)}__${feature.name}` : feature.name };
  });
}

function wantedOfService(features: TenantFeatures, name: string): WantedFeature[] {
  const { features: listed } = features.service(name);
  const resolved = features.resolve(
    listed.map(({ reference }) => reference),
    '/feature_service',
  );
  return resolved.map((one, at) => ({ resolved: one, name: listed[at]!.name, default: listed[at]!.default }));
}
