import { type FieldError, jsonPointer } from '../../../platform/errors/problem.js';
import type { TenantFeatures } from '../catalog/tenant-features.js';
import type { FeatureType, OnDemandFeature, OnDemandView, RequestInput } from './definitions.js';
import type { PutViewDto } from './definitions.dto.js';
import { readExpression } from './read-expressions.js';
import { annotationsOf, checkColumnNames } from './read-names.js';

/** What a view is beside what its version has been given when it was made. */
export type ReadOnDemandView = Omit<OnDemandView, 'name' | 'version'>;

const OF_STORED_VIEWS = [
  'entities',
  'source',
  'timestamp_column',
  'created_column',
  'expires_column',
  'ttl_seconds',
  'max_lateness_seconds',
  'freshness_alarm_seconds',
  'aggregations',
  'on_failure',
] as const;

/** @param errors gets every fault; with any the answer is none */
export async function readOnDemandView(
  dto: PutViewDto,
  known: TenantFeatures,
  errors: FieldError[],
): Promise<ReadOnDemandView> {
  for (const field of OF_STORED_VIEWS)
    if (dto[field] !== undefined && dto[field] !== null)
      errors.push({ pointer: `/${field}`, message: 'is for views with a source; this one has inputs' });
  if (!dto.features) errors.push({ pointer: '/features', message: 'is missing' });
  const request = (dto.inputs?.request ?? []).map(({ name, type }) => ({ name, type }));
  const references = dto.inputs?.features ?? [];
  const columns = readInputs(request, references, known, errors);
  const features: OnDemandFeature[] = [];
  checkColumnNames(dto.features ?? [], '/features', errors);
  for (const [index, { name, type, expression, column, rules }] of (dto.features ?? []).entries()) {
    const at = jsonPointer('features', index);
    if (column !== undefined) errors.push({ pointer: `${at}/column`, message: 'is for views with a source' });
    if (rules !== undefined) errors.push({ pointer: `${at}/rules`, message: 'is for views with a source' });
    if (expression === undefined) errors.push({ pointer: `${at}/expression`, message: 'is missing' });
    const tree = expression && (await readExpression(expression, columns, type, `${at}/expression`, errors));
    if (tree) features.push({ name, type, expression, tree });
  }
  return { kind: 'on_demand', inputs: { request, features: references }, features, ...annotationsOf(dto) };
}

/** Types of what the expressions may read, by name. */
function readInputs(
  request: readonly RequestInput[],
  references: readonly string[],
  known: TenantFeatures,
  errors: FieldError[],
): Map<string, FeatureType> {
  checkColumnNames(request, '/inputs/request', errors);
  const columns = new Map<string, FeatureType>(request.map(({ name, type }) => [name, type]));
  references.forEach((reference, index) => {
    const pointer = jsonPointer('inputs', 'features', index);
    const found = known.find(reference);
    if (typeof found === 'string') return void errors.push({ pointer, message: found });
    const { view, feature } = found;
    if (view.kind !== 'stored')
      errors.push({
        pointer,
        message: `the view ${view.name} is one on demand itself; name what it reads instead`,
      });
    else if (columns.has(feature.name))
      errors.push({
        pointer,
        message: `'${feature.name}' is the name of another input: expressions could not tell them apart`,
      });
    else columns.set(feature.name, feature.type);
  });
  return columns;
}
