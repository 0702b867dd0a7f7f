import type { TenantFeatures } from '../catalog/tenant-features.js';
import { viewOf } from '../catalog/tenant-features.js';
import type { FeatureEntityRow, FeatureServiceRow, FeatureViewRow } from './definition.entity.js';
import type { EntityBody, OnlineStateBody, ServiceBody, ViewBody } from './definition-bodies.dto.js';
import type { Aggregation, FeatureService, View } from './definitions.js';
import type { AggregationDto, PutServiceDto, PutViewDto } from './definitions.dto.js';
import { formatWindow } from './windows.js';

interface KeptRow {
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export function toEntityBody(row: FeatureEntityRow): EntityBody {
  return { name: row.name, ...row.definition, ...keptOf(row) };
}

/** In the words in which it was put. */
export function toViewBody(row: FeatureViewRow): ViewBody {
  const view = viewOf(row);
  return {
    ...{ name: row.name, version: row.version, is_current: row.isCurrent, kind: view.kind },
    ...wordsOf(view),
    online: view.kind === 'stored' ? onlineStateOf(row) : null,
    ...keptOf(row),
  };
}

export function toServiceBody(row: FeatureServiceRow, known: TenantFeatures): ServiceBody {
  const { features, ...annotations } = row.definition;
  const takes = features.map(({ name, reference }) => {
    const found = known.find(reference);
    const [version, type] =
      typeof found === 'string' ? [null, null] : [found.view.version, found.feature.type];
    return { name, reference, version, type };
  });
  return { name: row.name, ...serviceWords(features), ...annotations, takes, ...keptOf(row) };
}

function wordsOf(view: View): PutViewDto {
  const { description, tags, owner } = view;
  if (view.kind === 'on_demand') {
    const features = view.features.map(({ name, type, expression }) => ({ name, type, expression }));
    return { inputs: view.inputs, features, description, tags, owner };
  }
  const { entities, source, timestamp_column, created_column, expires_column } = view;
  const { ttl_seconds, max_lateness_seconds, freshness_alarm_seconds, on_failure } = view;
  return {
    ...{ entities, source, timestamp_column, created_column, expires_column },
    ...{ ttl_seconds, max_lateness_seconds, freshness_alarm_seconds },
    ...(view.aggregations.length > 0
      ? { aggregations: view.aggregations.map(aggregationWords) }
      : { features: view.features }),
    ...{ on_failure, description, tags, owner },
  };
}

function aggregationWords({
  window_seconds,
  where: _tree,
  where_text,
  ...said
}: Aggregation): AggregationDto {
  return { ...said, window: formatWindow(window_seconds), where: where_text };
}

function serviceWords(
  features: FeatureService['features'],
): Pick<PutServiceDto, 'features' | 'rename' | 'default_values'> {
  const renamed = features.filter(({ reference, name }) => !reference.endsWith(`:${name}`));
  const defaults = features.flatMap(({ name, default: value }) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    features: features.map(({ reference }) => reference),
    rename: Object.fromEntries(renamed.map(({ reference, name }) => [reference, name])),
    default_values: Object.fromEntries(defaults),
  };
}

function onlineStateOf(row: FeatureViewRow): OnlineStateBody {
  const { watermark, newestEventTime, materializedAt } = row;
  return {
    watermark: timeOf(watermark),
    newest_event_time: timeOf(newestEventTime),
    freshness_seconds: newestEventTime && (Date.now() - newestEventTime.getTime()) / 1000,
    materialized_at: timeOf(materializedAt),
    entities: row.onlineEntities,
    bytes_per_entity: row.bytesPerEntity,
  };
}

function timeOf(time: Date | null): string | null {
  return time && time.toISOString();
}

function keptOf({ createdBy, createdAt, updatedAt }: KeptRow) {
  return { created_by: createdBy, created_at: createdAt.toISOString(), updated_at: updatedAt.toISOString() };
}
