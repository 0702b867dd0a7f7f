import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { Problem } from '../../../platform/errors/problem.js';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../../../platform/http/page.js';
import { FeatureCatalog } from '../catalog/feature-catalog.js';
import type { TenantFeatures } from '../catalog/tenant-features.js';
import type { FeatureServiceRow } from './definition.entity.js';
import { toEntityBody, toServiceBody, toViewBody } from './definition-bodies.js';
import type { EntityBody, ServiceBody, ViewBody } from './definition-bodies.dto.js';
import { NAME_PATTERN, parseViewReference } from './definitions.js';
import { DefinitionsRepository } from './definitions.repository.js';

/** Shows definitions of features. */
@Injectable()
export class DefinitionReads {
  constructor(
    private readonly database: Database,
    private readonly definitions: DefinitionsRepository,
    private readonly catalog: FeatureCatalog,
  ) {}

  /** @throws Problem 404 */
  entity(tenant: string, name: string): Promise<EntityBody> {
    return this.database.asTenant(tenant, (scope) => this.entityIn(scope, name));
  }

  /** @throws Problem 404 */
  async entityIn(scope: TenantScope, name: string): Promise<EntityBody> {
    const row = NAME_PATTERN.test(name) && (await this.definitions.entity(scope, name));
    return toEntityBody(row || notFound('entity', name));
  }

  /** By name. */
  entities(tenant: string, query: PageQuery): Promise<Page<EntityBody>> {
    return this.page(tenant, query, toEntityBody, (scope, after, limit) =>
      this.definitions.entities(scope, after, limit),
    );
  }

  /**
   * @param reference name of a view, for its current version, or name@v2
   * @throws Problem 404
   */
  view(tenant: string, reference: string): Promise<ViewBody> {
    const { view, version } = parseViewReference(reference) ?? notFound('view', reference);
    return this.database.asTenant(tenant, (scope) => this.viewIn(scope, view, version));
  }

  /** @throws Problem 404 */
  async viewIn(scope: TenantScope, name: string, version: number | null): Promise<ViewBody> {
    const row = await this.definitions.view(scope, name, version);
    return toViewBody(row ?? notFound('view', version === null ? name : `${name}@v${version}`));
  }

  /** Current versions, by name. */
  views(tenant: string, query: PageQuery): Promise<Page<ViewBody>> {
    return this.page(tenant, query, toViewBody, (scope, after, limit) =>
      this.definitions.currentViews(scope, after, limit),
    );
  }

  /** Versions of a view, newest first. @throws Problem 404 */
  async versions(tenant: string, name: string, { limit, cursor }: PageQuery): Promise<Page<ViewBody>> {
    const before = decodeCursor(tenant, cursor, (key) => /^[1-9][0-9]{0,5}$/.test(key));
    const rows = await this.database.asTenant(tenant, (scope) =>
      this.definitions.versions(scope, name, before === undefined ? undefined : Number(before), limit + 1),
    );
    if (rows.length === 0 && before === undefined) return notFound('view', name);
    return pageOf(rows, limit, tenant, ({ version }) => String(version), toViewBody);
  }

  /** @throws Problem 404 */
  async service(tenant: string, name: string): Promise<ServiceBody> {
    const known = await this.catalog.of(tenant);
    return this.database.asTenant(tenant, (scope) => this.serviceIn(scope, name, known));
  }

  /** @throws Problem 404 */
  async serviceIn(scope: TenantScope, name: string, known: TenantFeatures): Promise<ServiceBody> {
    const row = NAME_PATTERN.test(name) && (await this.definitions.service(scope, name));
    return toServiceBody(row || notFound('feature service', name), known);
  }

  /** By name. */
  async services(tenant: string, query: PageQuery): Promise<Page<ServiceBody>> {
    const known = await this.catalog.of(tenant);
    return this.page(
      tenant,
      query,
      (row: FeatureServiceRow) => toServiceBody(row, known),
      (scope, after, limit) => this.definitions.services(scope, after, limit),
    );
  }

  private async page<Row extends { readonly name: string }, Body>(
    tenant: string,
    { limit, cursor }: PageQuery,
    toBody: (row: Row) => Body,
    find: (scope: TenantScope, after: string | undefined, limit: number) => Promise<Row[]>,
  ): Promise<Page<Body>> {
    const after = decodeCursor(tenant, cursor, (key) => NAME_PATTERN.test(key));
    const rows = await this.database.asTenant(tenant, (scope) => find(scope, after, limit + 1));
    return pageOf(rows, limit, tenant, ({ name }) => name, toBody);
  }
}

/** @throws always, a 404 that does not repeat a text which is no name */
export function notFound(what: string, name: string): never {
  throw new Problem('NOT_FOUND', `There is no ${what} ${name.slice(0, 80)}.`);
}
