import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';
import { type FieldError, fieldsProblem, invalid, Problem } from '../../../platform/errors/problem.js';
import { type DataFormat, formatOf } from '../../../platform/storage/data-files.js';
import { Grants } from '../../../platform/storage/grants.js';
import type { TenantFeatures } from '../catalog/tenant-features.js';
import { compareViews, type IncompatibleChange, layoutOf } from './compare-views.js';
import {
  type EntityDefinition,
  type FeatureService,
  NAME_PATTERN,
  nameOf,
  parseViewReference,
  type StoredView,
  type View,
} from './definitions.js';
import type { PutEntityDto, PutServiceDto, PutViewDto } from './definitions.dto.js';
import { readEntity } from './read-entity.js';
import { readOnDemandView } from './read-on-demand-view.js';
import { readService } from './read-service.js';
import { readStoredView } from './read-stored-view.js';

/** What a definition that is put does to what there is. */
export type Decision<Definition> =
  | { readonly action: 'create' | 'unchanged'; readonly definition: Definition }
  | {
      readonly action: 'change';
      readonly definition: Definition;
      /** Fields that change. */
      readonly fields: readonly string[];
    };

/** A change for which the version of a view cannot stay what it is to those that read it. */
export interface NewVersionNeeded {
  readonly action: 'new_version';
  /** The version as it is. */
  readonly before: View;
  /** The one that can be made. */
  readonly version: number;
  readonly incompatible: readonly IncompatibleChange[];
}

export type ViewDecision =
  // Whether a run must read everything again.
  (Decision<View> & { readonly isToBeRead: boolean }) | NewVersionNeeded;

/** Says what definitions would do, and changes nothing. Errors name every fault of a definition. */
@Injectable()
export class Decisions {
  constructor(private readonly grants: Grants) {}

  /** @throws Problem 400, 422; 409 for other keys of an entity that views have */
  entity(name: string, dto: PutEntityDto, known: TenantFeatures): Decision<EntityDefinition> {
    checkName(name);
    const errors: FieldError[] = [];
    const definition = asStored(readEntity(name, dto, errors));
    refuse(errors);
    const before = known.entities.get(name);
    if (before && !isDeepStrictEqual(before.keys, definition.keys)) refuseOtherKeys(name, known);
    return compared(before, definition);
  }

  /**
   * @param reference name of a view, or name@v2 of one version
   * @throws Problem 400, 403 for a source outside of the grants, 422; 409 for a version that skips a number
   */
  async view(
    tenant: string,
    reference: string,
    dto: PutViewDto,
    known: TenantFeatures,
  ): Promise<ViewDecision> {
    const { view: name, version: number } = parseViewReference(reference) ?? invalidName();
    const versions = known.views.get(name);
    const newest = Math.max(0, ...(versions?.versions.keys() ?? []));
    const version = number ?? versions?.current.version ?? 1;
    if (version > newest + 1)
      throw new Problem(
        'FEATURE_CONFLICT',
        `The next version of the view ${name} is ${newest + 1}: put ${name}@v${newest + 1}.`,
      );
    const before = versions?.versions.get(version);
    const after = await this.readView(tenant, name, version, dto, known, before);
    if (!before) return { action: 'create', definition: after, isToBeRead: true };
    const { compatible: fields, incompatible, isToBeRead } = compareViews(before, after);
    if (incompatible.length > 0) return { action: 'new_version', before, version: newest + 1, incompatible };
    if (fields.length === 0) return { action: 'unchanged', definition: before, isToBeRead };
    return { action: 'change', definition: after, fields, isToBeRead };
  }

  /** @throws Problem 400, 422 */
  service(name: string, dto: PutServiceDto, known: TenantFeatures): Decision<FeatureService> {
    checkName(name);
    const errors: FieldError[] = [];
    const definition = asStored(readService(name, dto, known, errors));
    refuse(errors);
    return compared(known.services.get(name), definition);
  }

  private async readView(
    tenant: string,
    name: string,
    version: number,
    dto: PutViewDto,
    known: TenantFeatures,
    before: View | undefined,
  ): Promise<View> {
    const errors: FieldError[] = [];
    if (dto.inputs) {
      const read = await readOnDemandView(dto, known, errors);
      refuse(errors);
      return asStored({ ...read, name, version });
    }
    const format = this.formatOf(tenant, dto, errors);
    const read = await readStoredView(dto, format, known, errors);
    refuse(errors);
    const old = before?.kind === 'stored' ? before : undefined;
    const stored: StoredView = {
      ...read,
      ...{ name, version, online_id: old?.online_id ?? 0 },
      layout: layoutOf(old, read),
    };
    return asStored(stored);
  }

  /** The format of a source, which must lie in the tenant's grants. */
  private formatOf(tenant: string, { source }: PutViewDto, errors: FieldError[]): DataFormat {
    if (!source) return 'parquet';
    this.grants.refuseForeign(tenant, source.path, '/source/path');
    try {
      const file = { uri: source.path, size_bytes: 0, etag: '' };
      return source.format ?? formatOf(source.path, [file], 'source.format');
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      errors.push(...(error.extra.errors ?? []));
      return 'parquet';
    }
  }
}

/** As JSON keeps it, so that what is put again is found to be the same. */
function asStored<Definition>(definition: Definition): Definition {
  return JSON.parse(JSON.stringify(definition)) as Definition;
}

function compared<Definition extends object>(
  before: Definition | undefined,
  definition: Definition,
): Decision<Definition> {
  if (!before) return { action: 'create', definition };
  const names = Object.keys(definition) as (keyof Definition & string)[];
  const fields = names.filter((name) => !isDeepStrictEqual(before[name], definition[name]));
  if (fields.length === 0) return { action: 'unchanged', definition: before };
  return { action: 'change', definition, fields };
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw fieldsProblem('VALIDATION_ERROR', errors);
}

function refuseOtherKeys(name: string, known: TenantFeatures): void {
  const users = known.viewsOf(name).map(nameOf);
  if (users.length === 0) return;
  throw new Problem(
    'FEATURE_CONFLICT',
    `The entity ${name} cannot have other keys while views have it: ${users.join(', ')}.`,
    { errors: [{ pointer: '/keys', message: `are those of ${users.join(', ')}` }] },
  );
}

const NAME_RULE = 'must be a lower-case letter and up to 62 lower-case letters, digits or _';

function checkName(name: string): void {
  if (!NAME_PATTERN.test(name)) throw invalid('name', NAME_RULE);
}

function invalidName(): never {
  throw invalid('name', `${NAME_RULE}; @v2 behind it names a version`);
}

/** @throws always, the 409 of an incompatible change */
export function refuseIncompatible({ before, version, incompatible }: NewVersionNeeded): never {
  const errors = incompatible.map(({ pointer, message }) => ({ pointer, message }));
  const { extra, detail } = fieldsProblem('FEATURE_CONFLICT', errors);
  throw new Problem(
    'FEATURE_CONFLICT',
    `${nameOf(before)} is read as it is: put the change as ${before.name}@v${version}, a version of its own. ${detail}`,
    extra,
  );
}
