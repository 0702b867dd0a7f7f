import type { ExpressionTree, ScalarType } from '#libs/expressions';
import type { FeatureType, JsonValue, KeyColumn } from '#libs/features';
import type { DataFormat } from '../../../platform/storage/data-files.js';

export { SCALAR_TYPES } from '#libs/expressions';
export type { ExpressionTree, ScalarType } from '#libs/expressions';
export { FEATURE_TYPES, KEY_TYPES } from '#libs/features';
export type { FeatureType, JsonValue, KeyColumn, KeyType } from '#libs/features';

/** Of entities, views and services. */
export const NAME_PATTERN = /^[a-z][a-z0-9_]{0,62}$/;
/** Of features and key columns, which are columns of tables that callers have. */
export const COLUMN_NAME_PATTERN = /^(?!(?:__proto__|constructor)$)[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** What every definition says beside what it defines. */
export interface Annotations {
  description: string | null;
  tags: Record<string, string>;
  owner: string | null;
}

export interface EntityDefinition extends Annotations {
  name: string;
  keys: KeyColumn[];
}

/** What must hold of the values of a feature when they are taken in. */
export interface FeatureRules {
  not_null?: boolean;
  /** Both ends belong to it; null: no end. */
  between?: [number | string | null, number | string | null];
  in?: (string | number | boolean)[];
  /** Of the rows of a run, 0 to 1. */
  max_missing_share?: number;
}

export interface StoredFeature {
  name: string;
  type: FeatureType;
  /** Column of the source. */
  column: string;
  description: string | null;
  rules: FeatureRules;
}

export const AGGREGATE_FUNCTIONS = [
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'stddev',
  'last',
  'first',
  'count_distinct',
  'last_n',
] as const;
export type AggregateFunction = (typeof AGGREGATE_FUNCTIONS)[number];

/** A feature that sums up the events of an entity in a window before an instant. */
export interface Aggregation {
  name: string;
  function: AggregateFunction;
  /** Column of the source; null only of count. */
  column: string | null;
  /** Of the result. */
  type: FeatureType;
  /** Of last_n: how many values, 1 to 100; else null. */
  n: number | null;
  window_seconds: number;
  /** Boolean, over columns of the source: which events count; null: all. */
  where: ExpressionTree | null;
  where_text: string | null;
  rules: FeatureRules;
}

export interface ViewSource {
  /** `s3://` path of a file, a folder (with a slash at its end) or a glob. */
  path: string;
  format: DataFormat;
  /** Types of the columns that the conditions of aggregations read, as the files have them. */
  columns: Record<string, ScalarType>;
}

export const FAILURE_ACTIONS = ['block', 'quarantine', 'warn'] as const;
export type FailureAction = (typeof FAILURE_ACTIONS)[number];

/** A version of a view whose features are columns of files, or aggregations over them. */
export interface StoredView extends Annotations {
  kind: 'stored';
  name: string;
  /** 1, 2, 3 … */
  version: number;
  /** Names the version in the keys of the online store. One that was given is never given again. */
  online_id: number;
  /** Names of the entities, in the order of the keys. */
  entities: string[];
  /** Key columns of these entities in their order, each column once. */
  keys: KeyColumn[];
  source: ViewSource;
  timestamp_column: string;
  created_column: string | null;
  expires_column: string | null;
  ttl_seconds: number | null;
  /** An incremental run looks so far back behind the watermark. */
  max_lateness_seconds: number;
  /** An event tells that its newest event is older than this; null: none does. */
  freshness_alarm_seconds: number | null;
  /** This or `aggregations` is empty. */
  features: StoredFeature[];
  aggregations: Aggregation[];
  /** Names of the features by their slot in an online value. Only ever grows. */
  layout: string[];
  on_failure: FailureAction;
}

/** A value that comes with the request instead of from a view. */
export interface RequestInput {
  name: string;
  type: FeatureType;
}

export interface OnDemandFeature {
  name: string;
  type: FeatureType;
  expression: string;
  tree: ExpressionTree;
}

/** A version of a view whose features are expressions. */
export interface OnDemandView extends Annotations {
  kind: 'on_demand';
  name: string;
  version: number;
  inputs: {
    request: RequestInput[];
    /** References to features of stored views. */
    features: string[];
  };
  features: OnDemandFeature[];
}

export type View = StoredView | OnDemandView;

export interface ServiceFeature {
  /** As it was written: `view:feature` or `view@v2:feature`. */
  reference: string;
  /** Under which the model takes it. Unique in its service. */
  name: string;
  /** Stands in for a value that is missing, expired or null; undefined: nothing does. */
  default?: JsonValue;
}

/** The features that a model takes, in the order in which it takes them. */
export interface FeatureService extends Annotations {
  name: string;
  features: ServiceFeature[];
}

/** A feature of a view, whatever it is made by. */
export interface Feature {
  name: string;
  type: FeatureType;
}

/** The features that a view has, in the order of its definition. */
export function featuresOf(view: View): readonly Feature[] {
  return view.kind === 'stored' && view.aggregations.length > 0 ? view.aggregations : view.features;
}

/** What names a view, or with a number one version of it. */
export interface ViewReference {
  view: string;
  /** null: the current one. */
  version: number | null;
}

const VIEW_REFERENCE = /^([a-z][a-z0-9_]{0,62})(?:@v([1-9][0-9]{0,5}))?$/;

/** The parts of `view` or `view@v2`; undefined where the text is neither. */
export function parseViewReference(text: string): ViewReference | undefined {
  const match = VIEW_REFERENCE.exec(text);
  if (!match) return undefined;
  const [, view, version] = match as unknown as [string, string, string | undefined];
  return { view, version: version === undefined ? null : Number(version) };
}

/** The parts of `view:feature` or `view@v2:feature`; undefined where the text is neither. */
export function parseReference(text: string): (ViewReference & { feature: string }) | undefined {
  const colon = text.indexOf(':');
  const view = parseViewReference(text.slice(0, Math.max(0, colon)));
  const feature = text.slice(colon + 1);
  return view && COLUMN_NAME_PATTERN.test(feature) ? { ...view, feature } : undefined;
}

/** Names one version of a view: `customer_features@v2`. */
export function nameOf({ name, version }: Pick<View, 'name' | 'version'>): string {
  return `${name}@v${version}`;
}
