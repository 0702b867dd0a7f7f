import { type FieldError, jsonPointer } from '../../../platform/errors/problem.js';
import type { ResolvedFeature, TenantFeatures } from '../catalog/tenant-features.js';
import { COLUMN_NAME_PATTERN, type FeatureService, type JsonValue, type View } from './definitions.js';
import type { PutServiceDto } from './definitions.dto.js';
import { annotationsOf, meant } from './read-names.js';
import { readValue } from './read-value.js';

/** @param errors gets every fault */
export function readService(
  name: string,
  dto: PutServiceDto,
  known: TenantFeatures,
  errors: FieldError[],
): FeatureService {
  const resolved = dto.features.map((reference, index) => {
    const found = known.find(reference);
    if (typeof found === 'object') return found;
    errors.push({ pointer: jsonPointer('features', index), message: found });
    return undefined;
  });
  const rename = new Map(Object.entries(dto.rename ?? {}));
  for (const [reference, other] of rename) {
    const pointer = jsonPointer('rename', reference);
    if (!dto.features.includes(reference))
      errors.push({ pointer, message: `is not among features${meant(reference, dto.features)}` });
    if (typeof other !== 'string' || !COLUMN_NAME_PATTERN.test(other))
      errors.push({ pointer, message: 'must be 1 to 63 letters, digits or _, and begin with no digit' });
  }
  const names = dto.features.map(
    (reference) => rename.get(reference) ?? reference.slice(reference.indexOf(':') + 1),
  );
  const views = resolved.flatMap((found) => found?.view ?? []);
  checkNames(dto.features, names, columnsBeside(views, known), errors);
  const defaults = readDefaults(dto.default_values ?? {}, names, resolved, errors);
  const features = dto.features.map((reference, index) => ({
    reference,
    name: names[index]!,
    ...(defaults.has(index) && { default: defaults.get(index)! }),
  }));
  return { name, features, ...annotationsOf(dto) };
}

/** A service is one row of named values, which also holds the keys and what comes with the request. */
function checkNames(
  references: readonly string[],
  names: readonly string[],
  columns: ReadonlyMap<string, string>,
  errors: FieldError[],
): void {
  names.forEach((name, index) => {
    const pointer = jsonPointer('features', index);
    const before = names.indexOf(name);
    if (before < index && references[before] === references[index])
      errors.push({ pointer, message: `is the same as item ${before}` });
    else if (before < index)
      errors.push({ pointer, message: `has the name '${name}' as item ${before} does; rename one of them` });
    const column = columns.get(name);
    if (column) errors.push({ pointer, message: `has the name of ${column}; rename it` });
  });
}

/** Names that stand in an entity row beside the features of the views, and what they are. */
function columnsBeside(views: readonly View[], known: TenantFeatures): Map<string, string> {
  const columns = new Map<string, string>();
  for (const view of views) {
    for (const { name } of known.keysOf(view)) columns.set(name, `a key column of the view ${view.name}`);
    for (const { name } of view.kind === 'on_demand' ? view.inputs.request : [])
      columns.set(name, `a value that the view ${view.name} takes from the request`);
  }
  return columns;
}

function readDefaults(
  given: Readonly<Record<string, unknown>>,
  names: readonly string[],
  resolved: readonly (ResolvedFeature | undefined)[],
  errors: FieldError[],
): Map<number, JsonValue> {
  const defaults = new Map<number, JsonValue>();
  for (const [name, value] of Object.entries(given)) {
    const pointer = jsonPointer('default_values', name);
    const index = names.indexOf(name);
    if (index < 0) errors.push({ pointer, message: `is not the name of a feature${meant(name, names)}` });
    else if (value === null)
      errors.push({
        pointer,
        message: 'must not be null, which is what a missing value is without a default',
      });
    else if (resolved[index]) {
      const read = readValue(value, resolved[index].feature.type, pointer, errors);
      if (read !== undefined) defaults.set(index, read);
    }
  }
  return defaults;
}
