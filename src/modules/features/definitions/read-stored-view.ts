import type { DataFormat } from '../../../platform/storage/data-files.js';
import { type FieldError, jsonPointer } from '../../../platform/errors/problem.js';
import { keysOf, type TenantFeatures } from '../catalog/tenant-features.js';
import {
  type AggregateFunction,
  type Aggregation,
  type FeatureType,
  type KeyColumn,
  SCALAR_TYPES,
  type ScalarType,
  type StoredFeature,
  type StoredView,
  type ViewSource,
} from './definitions.js';
import type { AggregationDto, FeatureDto, PutViewDto, ViewSourceDto } from './definitions.dto.js';
import { readCondition } from './read-expressions.js';
import { annotationsOf, checkColumnNames, meant } from './read-names.js';
import { readRules } from './read-rules.js';
import { parseWindow } from './windows.js';

const DEFAULT_LATENESS_SECONDS = 86_400;
const MOST_SOURCE_COLUMNS = 100;

/** Of functions whose values have a type of their own, whatever the column has. */
const RESULT_TYPES: Partial<Record<AggregateFunction, FeatureType>> = {
  count: 'int64',
  count_distinct: 'int64',
  sum: 'float64',
  mean: 'float64',
  stddev: 'float64',
};

/** What a view is beside what its version has been given when it was made. */
export type ReadStoredView = Omit<StoredView, 'name' | 'version' | 'online_id' | 'layout'>;

/**
 * @param format what the source's files are
 * @param errors gets every fault; with any the answer is none
 */
export async function readStoredView(
  dto: PutViewDto,
  format: DataFormat,
  known: TenantFeatures,
  errors: FieldError[],
): Promise<ReadStoredView> {
  const fault = (pointer: string, message: string) => void errors.push({ pointer, message });
  const entities = dto.entities ?? [];
  if (!dto.entities) fault('/entities', 'is missing: name the entities whose keys the source holds');
  entities.forEach((name, index) => {
    const pointer = jsonPointer('entities', index);
    if (!known.entities.has(name))
      fault(pointer, `there is no entity '${name}'${meant(name, known.entities.keys())}`);
    if (entities.indexOf(name) < index) fault(pointer, `is the same as item ${entities.indexOf(name)}`);
  });
  if (!dto.source) fault('/source', 'is missing');
  if (!dto.timestamp_column) fault('/timestamp_column', 'is missing');
  if (!dto.features === !dto.aggregations)
    fault(
      '',
      dto.features ? 'must not have both features and aggregations' : 'must have features or aggregations',
    );
  if (dto.aggregations && dto.expires_column)
    fault('/expires_column', 'is for features; the values of aggregations end with their windows');

  const keys = keysOf(entities.flatMap((name) => known.entities.get(name)?.keys ?? []));
  const source = readSource(dto.source, format, errors);
  const features = readFeatures(dto.features ?? [], keys, errors);
  const aggregations = await readAggregations(dto.aggregations ?? [], keys, source.columns, errors);
  return {
    kind: 'stored',
    ...{ entities, keys, source },
    timestamp_column: dto.timestamp_column ?? '',
    created_column: dto.created_column ?? null,
    expires_column: dto.expires_column ?? null,
    ttl_seconds: dto.ttl_seconds ?? null,
    max_lateness_seconds: dto.max_lateness_seconds ?? DEFAULT_LATENESS_SECONDS,
    freshness_alarm_seconds: dto.freshness_alarm_seconds ?? null,
    ...{ features, aggregations },
    on_failure: dto.on_failure ?? 'block',
    ...annotationsOf(dto),
  };
}

function readSource(
  { path = '', columns = {} }: Partial<ViewSourceDto> = {},
  format: DataFormat,
  errors: FieldError[],
): ViewSource {
  const given = Object.entries(columns);
  if (given.length > MOST_SOURCE_COLUMNS)
    errors.push({
      pointer: '/source/columns',
      message: `must not name more than ${MOST_SOURCE_COLUMNS} columns`,
    });
  for (const [name, type] of given)
    if (!SCALAR_TYPES.includes(type))
      errors.push({
        pointer: jsonPointer('source', 'columns', name),
        message: `must be one of ${SCALAR_TYPES.join(', ')}`,
      });
  return { path, format, columns };
}

function readFeatures(
  dtos: readonly FeatureDto[],
  keys: readonly KeyColumn[],
  errors: FieldError[],
): StoredFeature[] {
  checkColumnNames(dtos, '/features', errors);
  refuseKeys(dtos, '/features', keys, errors);
  return dtos.map(({ name, type, column, description, rules, expression }, index) => {
    const at = jsonPointer('features', index);
    if (expression !== undefined)
      errors.push({
        pointer: `${at}/expression`,
        message: 'is for views on demand, which have inputs and no source',
      });
    const read = readRules(rules ?? {}, type, `${at}/rules`, errors);
    return { name, type, column: column ?? name, description: description ?? null, rules: read };
  });
}

function refuseKeys(
  items: readonly { readonly name: string }[],
  at: string,
  keys: readonly KeyColumn[],
  errors: FieldError[],
): void {
  items.forEach(({ name }, index) => {
    if (keys.some((key) => key.name === name))
      errors.push({
        pointer: at + jsonPointer(index, 'name'),
        message: `'${name}' is a key column of the entities`,
      });
  });
}

async function readAggregations(
  dtos: readonly AggregationDto[],
  keys: readonly KeyColumn[],
  columns: Readonly<Record<string, ScalarType>>,
  errors: FieldError[],
): Promise<Aggregation[]> {
  checkColumnNames(dtos, '/aggregations', errors);
  refuseKeys(dtos, '/aggregations', keys, errors);
  const read: Aggregation[] = [];
  for (const [index, dto] of dtos.entries())
    read.push(await readAggregation(dto, jsonPointer('aggregations', index), columns, errors));
  return read;
}

async function readAggregation(
  dto: AggregationDto,
  at: string,
  columns: Readonly<Record<string, ScalarType>>,
  errors: FieldError[],
): Promise<Aggregation> {
  const fault = (field: string, message: string) => void errors.push({ pointer: `${at}/${field}`, message });
  const { name, function: calculation, column = null, n = null, where = null } = dto;
  const window_seconds = parseWindow(dto.window) ?? 0;
  if (window_seconds === 0)
    fault('window', 'must be a whole number and one of s, m, h, d, such as 30d, from 1s to 3650d');
  if (column === null && calculation !== 'count') fault('column', `is missing, which ${calculation} needs`);
  if (n === null && calculation === 'last_n') fault('n', 'is missing, which last_n needs: 1 to 100');
  if (n !== null && calculation !== 'last_n') fault('n', `is for last_n, not for ${calculation}`);
  const type = readResultType(dto, fault);
  const rules = readRules(dto.rules ?? {}, type, `${at}/rules`, errors);
  const tree = where === null ? null : await readCondition(where, columns, `${at}/where`, errors);
  return {
    name,
    function: calculation,
    column,
    type,
    n,
    window_seconds,
    where: tree,
    where_text: where,
    rules,
  };
}

function readResultType(
  { function: calculation, type }: AggregationDto,
  fault: (field: string, message: string) => void,
): FeatureType {
  const own = RESULT_TYPES[calculation];
  if (own) {
    if (type !== undefined && type !== own) fault('type', `must be ${own}, which ${calculation} always is`);
    return own;
  }
  if (type === undefined) {
    fault('type', `is missing: ${calculation} has the type of its column`);
    return calculation === 'last_n' ? 'string_list' : 'string';
  }
  const isList = type.endsWith('_list');
  if (calculation === 'last_n' && !isList) fault('type', `must be a list, such as ${type}_list`);
  if (calculation !== 'last_n' && isList) fault('type', `must be no list: ${calculation} is one value`);
  return type;
}
