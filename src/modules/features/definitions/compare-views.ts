import { isDeepStrictEqual } from 'node:util';
import {
  type Aggregation,
  featuresOf,
  type OnDemandFeature,
  type OnDemandView,
  type StoredFeature,
  type StoredView,
  type View,
} from './definitions.js';

/** What would become of a version of a view. */
export interface ViewChanges {
  /** Fields that change and leave all that reads the view as it is. */
  readonly compatible: readonly string[];
  /** Why it takes a new version. */
  readonly incompatible: readonly IncompatibleChange[];
  /** Whether a run must read everything again, because other values come out. */
  readonly isToBeRead: boolean;
}

export interface IncompatibleChange {
  /** JSON pointer into the definition. */
  readonly pointer: string;
  readonly message: string;
  /** Features whose values would be others; null: all. */
  readonly features: readonly string[] | null;
}

const COMPATIBLE = ['description', 'tags', 'owner'] as const;
const COMPATIBLE_OF_STORED = [
  ...COMPATIBLE,
  'source',
  'ttl_seconds',
  'max_lateness_seconds',
  'freshness_alarm_seconds',
  'on_failure',
  'entities',
] as const;
const COLUMNS = ['timestamp_column', 'created_column', 'expires_column'] as const;
const OF_FEATURE = ['type', 'column'] as const;
const OF_AGGREGATION = ['function', 'column', 'type', 'n', 'window_seconds', 'where'] as const;
const OF_ON_DEMAND = ['type', 'tree'] as const;
/** As requests name what is kept under another name. */
const FIELDS: Partial<Record<string, string>> = { window_seconds: 'window', tree: 'expression' };

/** @param after what `before` would become; it may lack what a version gets when it is made */
export function compareViews(before: View, after: View): ViewChanges {
  if (before.kind === 'stored' && after.kind === 'stored') return compareStored(before, after);
  if (before.kind === 'on_demand' && after.kind === 'on_demand') return compareOnDemand(before, after);
  const message = `the view is ${before.kind === 'stored' ? 'one with a source' : 'one on demand'}`;
  return { compatible: [], incompatible: [{ pointer: '', message, features: null }], isToBeRead: true };
}

function compareStored(before: StoredView, after: StoredView): ViewChanges {
  const compatible: string[] = COMPATIBLE_OF_STORED.filter(
    (field) => !isDeepStrictEqual(before[field], after[field]),
  );
  const incompatible: IncompatibleChange[] = [];
  if (!isDeepStrictEqual(before.keys, after.keys)) {
    const message = `has the keys ${namesOf(after.keys)} instead of ${namesOf(before.keys)}`;
    incompatible.push({ pointer: '/entities', message, features: null });
  }
  for (const field of COLUMNS)
    if (before[field] !== after[field]) {
      const message = `is ${show(after[field])} instead of ${show(before[field])}`;
      incompatible.push({ pointer: `/${field}`, message, features: null });
    }
  const features = compareFeatures<StoredFeature>('features', before.features, after.features, OF_FEATURE);
  const aggregations = compareFeatures<Aggregation>(
    'aggregations',
    before.aggregations,
    after.aggregations,
    OF_AGGREGATION,
  );
  const isToBeRead =
    ['source', 'ttl_seconds'].some((field) => compatible.includes(field)) ||
    [features, aggregations].some(({ hasNew }) => hasNew);
  return {
    compatible: [...compatible, ...features.compatible, ...aggregations.compatible],
    incompatible: [...incompatible, ...features.incompatible, ...aggregations.incompatible],
    isToBeRead,
  };
}

function compareOnDemand(before: OnDemandView, after: OnDemandView): ViewChanges {
  const compatible: string[] = COMPATIBLE.filter((field) => !isDeepStrictEqual(before[field], after[field]));
  const incompatible: IncompatibleChange[] = [];
  if (!isDeepStrictEqual(before.inputs.request, after.inputs.request))
    incompatible.push({
      pointer: '/inputs/request',
      message: 'would ask for other values of each request',
      features: null,
    });
  const gone = before.inputs.features.filter((reference) => !after.inputs.features.includes(reference));
  if (gone.length > 0)
    incompatible.push({ pointer: '/inputs/features', message: `lacks ${gone.join(', ')}`, features: null });
  else if (!isDeepStrictEqual(before.inputs.features, after.inputs.features)) compatible.push('inputs');
  const features = compareFeatures<OnDemandFeature>(
    'features',
    before.features,
    after.features,
    OF_ON_DEMAND,
  );
  return {
    compatible: [...compatible, ...features.compatible],
    incompatible: [...incompatible, ...features.incompatible],
    isToBeRead: false,
  };
}

/** Compares lists of features by name. @param fixed what a feature of a version keeps for good */
function compareFeatures<Kind extends { readonly name: string }>(
  list: string,
  before: readonly Kind[],
  after: readonly Kind[],
  fixed: readonly (keyof Kind & string)[],
): ViewChanges & { readonly hasNew: boolean } {
  const incompatible: IncompatibleChange[] = [];
  for (const old of before) {
    const index = after.findIndex(({ name }) => name === old.name);
    const now = after[index];
    if (!now) {
      incompatible.push({ pointer: `/${list}`, message: `lacks '${old.name}'`, features: [old.name] });
      continue;
    }
    for (const field of fixed.filter((each) => !isDeepStrictEqual(old[each], now[each]))) {
      const was = typeof old[field] === 'object' ? '' : ` instead of ${show(old[field])}`;
      const message = `of '${old.name}' is another one${was}`;
      incompatible.push({
        pointer: `/${list}/${index}/${FIELDS[field] ?? field}`,
        message,
        features: [old.name],
      });
    }
  }
  const hasNew = after.some(({ name }) => !before.some((old) => old.name === name));
  const isSame = isDeepStrictEqual(before, after);
  return {
    compatible: isSame || incompatible.length > 0 ? [] : [list],
    incompatible,
    isToBeRead: hasNew,
    hasNew,
  };
}

function namesOf(columns: readonly { readonly name: string; readonly type: string }[]): string {
  return columns.map(({ name, type }) => `${name} (${type})`).join(', ');
}

function show(value: unknown): string {
  return value === null ? 'none' : `'${String(value)}'`;
}

/** Slots of a version's features in its online values: those that there are stay where they are. */
export function layoutOf(
  before: StoredView | undefined,
  after: Pick<StoredView, 'kind' | 'features' | 'aggregations'>,
): string[] {
  const layout = before?.layout ?? [];
  const names = featuresOf(after as View).map(({ name }) => name);
  return [...layout, ...names.filter((name) => !layout.includes(name))];
}
