import type { JsonValue, KeyColumn } from '#libs/features';
import type { TenantFeatures } from '../catalog/tenant-features.js';
import {
  type OnDemandFeature,
  type OnDemandView,
  type ServiceFeature,
  type StoredView,
} from '../definitions/definitions.js';

/** A value of a view, by the place of the view among those of the plan. */
interface ViewValue {
  readonly view: number;
  readonly feature: string;
}

interface JoinedColumn extends ViewValue {
  readonly name: string;
  readonly default?: JsonValue;
}

interface ComputedColumn extends Pick<OnDemandFeature, 'type' | 'tree'> {
  readonly name: string;
  /** What the columns of the tree are: values of views, or columns of the rows. */
  readonly bindings: Readonly<Record<string, ViewValue | { readonly request: string }>>;
  readonly default?: JsonValue;
}

/** Which views give which columns: what of `join` in contracts/features-spec.v1.schema.json no file decides. */
export interface JoinPlan {
  /** Each once. */
  readonly views: readonly StoredView[];
  readonly columns: readonly JoinedColumn[];
  readonly onDemand: readonly ComputedColumn[];
  /** Names of all columns, in the order of the features. */
  readonly order: readonly string[];
}

/** @throws Problem 422 where the tenant has no such feature (any more) */
export function planJoin(features: TenantFeatures, wanted: readonly ServiceFeature[]): JoinPlan {
  const views: StoredView[] = [];
  const columns: JoinedColumn[] = [];
  const onDemand: ComputedColumn[] = [];
  const valueOf = (view: StoredView, feature: string): ViewValue => {
    if (!views.includes(view)) views.push(view);
    return { view: views.indexOf(view), feature };
  };
  const resolved = features.resolve(wanted.map(({ reference }) => reference));
  for (const [at, { view, feature }] of resolved.entries()) {
    const { name, default: standIn } = wanted[at] as ServiceFeature;
    const column = { name, ...(standIn !== undefined && { default: standIn }) };
    if (view.kind === 'stored') {
      columns.push({ ...column, ...valueOf(view, feature.name) });
      continue;
    }
    const { type, tree } = view.features.find((each) => each.name === feature.name) as OnDemandFeature;
    onDemand.push({ ...column, type, tree, bindings: bindingsOf(features, view, valueOf) });
  }
  return { views, columns, onDemand, order: wanted.map(({ name }) => name) };
}

/** Inputs of a view on demand, under the names that its expressions call them by. */
function bindingsOf(
  features: TenantFeatures,
  { inputs }: OnDemandView,
  valueOf: (view: StoredView, feature: string) => ViewValue,
): ComputedColumn['bindings'] {
  const stored = features.resolve(inputs.features).map(({ view, feature }) => {
    if (view.kind !== 'stored')
      throw new Error(`an input of a view on demand is on demand itself: ${view.name}`);
    return [feature.name, valueOf(view, feature.name)] as const;
  });
  return Object.fromEntries([
    ...stored,
    ...inputs.request.map(({ name }) => [name, { request: name }] as const),
  ]);
}

/** Names of the entities of all views, each once. */
export function entitiesOf({ views }: JoinPlan): string[] {
  return [...new Set(views.flatMap(({ entities }) => entities))];
}

/** Key columns of a plan's views, each once. */
export function keysOf({ views }: JoinPlan): KeyColumn[] {
  const keys = views.flatMap((view) => view.keys.map((key) => [key.name, key] as const));
  return [...new Map(keys).values()];
}

/** Columns of the rows that the expression of a feature asks for; none of one that is stored. */
export function requestInputsOf({ onDemand }: JoinPlan, feature: string): string[] {
  const bindings = onDemand.find(({ name }) => name === feature)?.bindings ?? {};
  return Object.values(bindings).flatMap((bound) => ('request' in bound ? [bound.request] : []));
}

/** Columns that rows must have for a plan, beside the time: keys of its views and what its expressions ask for. */
export function columnsAskedFor(plan: JoinPlan): string[] {
  const keys = keysOf(plan).map(({ name }) => name);
  return [...new Set([...keys, ...plan.order.flatMap((name) => requestInputsOf(plan, name))])];
}
