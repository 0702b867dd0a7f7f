import { Injectable } from '@nestjs/common';
import { type EntityManager, IsNull, LessThan, MoreThan, Not } from 'typeorm';
import type { TenantScope } from '../../../platform/database/database.js';
import { FeatureFile } from '../files/feature-file.entity.js';
import {
  DroppedView,
  FeatureEntityRow,
  FeatureServiceRow,
  FeatureViewRow,
  type ViewText,
} from './definition.entity.js';
import type { EntityDefinition, FeatureService, View } from './definitions.js';

/** Every definition of a tenant. */
export interface DefinitionRows {
  readonly entities: readonly FeatureEntityRow[];
  /** All versions. */
  readonly views: readonly FeatureViewRow[];
  readonly services: readonly FeatureServiceRow[];
}

/** SQL of the definitions of one tenant. */
@Injectable()
export class DefinitionsRepository {
  /** Waits for every other transaction that is to change definitions of the tenant. */
  async lock({ manager, tenant }: TenantScope): Promise<void> {
    await manager.query(`select pg_advisory_xact_lock(hashtextextended('features of ' || $1, 0))`, [tenant]);
  }

  async all({ manager, tenant }: TenantScope): Promise<DefinitionRows> {
    const where = { tenantId: tenant };
    return {
      entities: await manager.find(FeatureEntityRow, { where, order: { name: 'ASC' } }),
      views: await manager.find(FeatureViewRow, { where, order: { name: 'ASC', version: 'ASC' } }),
      services: await manager.find(FeatureServiceRow, { where, order: { name: 'ASC' } }),
    };
  }

  /** In the order of their names. */
  entities(
    { manager, tenant }: TenantScope,
    after: string | undefined,
    limit: number,
  ): Promise<FeatureEntityRow[]> {
    const where = { tenantId: tenant, ...(after !== undefined && { name: MoreThan(after) }) };
    return manager.find(FeatureEntityRow, { where, order: { name: 'ASC' }, take: limit });
  }

  entity({ manager, tenant }: TenantScope, name: string): Promise<FeatureEntityRow | null> {
    return manager.findOneBy(FeatureEntityRow, { tenantId: tenant, name });
  }

  async putEntity(
    { manager, tenant }: TenantScope,
    { name, ...definition }: EntityDefinition,
    by: string,
  ): Promise<void> {
    await put(manager, FeatureEntityRow, { tenantId: tenant, name, definition, createdBy: by });
  }

  async deleteEntity({ manager, tenant }: TenantScope, name: string): Promise<void> {
    await manager.delete(FeatureEntityRow, { tenantId: tenant, name });
  }

  /** Current versions, in the order of their names. */
  currentViews(
    { manager, tenant }: TenantScope,
    after: string | undefined,
    limit: number,
  ): Promise<FeatureViewRow[]> {
    const where = {
      tenantId: tenant,
      isCurrent: true,
      ...(after !== undefined && { name: MoreThan(after) }),
    };
    return manager.find(FeatureViewRow, { where, order: { name: 'ASC' }, take: limit });
  }

  /** Versions of a view, newest first. */
  versions(
    { manager, tenant }: TenantScope,
    name: string,
    before: number | undefined,
    limit: number,
  ): Promise<FeatureViewRow[]> {
    const where = { tenantId: tenant, name, ...(before !== undefined && { version: LessThan(before) }) };
    return manager.find(FeatureViewRow, { where, order: { version: 'DESC' }, take: limit });
  }

  /** @param version null for the current one */
  view(
    { manager, tenant }: TenantScope,
    name: string,
    version: number | null,
  ): Promise<FeatureViewRow | null> {
    const which = version === null ? { isCurrent: true } : { version };
    return manager.findOneBy(FeatureViewRow, { tenantId: tenant, name, ...which });
  }

  /** Adds a version, which gets an id of its own in the online store. */
  async insertView(scope: TenantScope, view: View, isCurrent: boolean, by: string): Promise<void> {
    const onlineId = view.kind === 'stored' ? await this.nextOnlineId(scope) : null;
    const { name, version, definition } = partsOf(view);
    const row = { tenantId: scope.tenant, name, version, isCurrent, definition, onlineId, createdBy: by };
    await scope.manager.insert(FeatureViewRow, row as never);
  }

  /** @param isToBeRead whether the next run must read everything again */
  async updateView({ manager, tenant }: TenantScope, view: View, isToBeRead: boolean): Promise<void> {
    const { name, version, definition } = partsOf(view);
    await manager.update(FeatureViewRow, { tenantId: tenant, name, version }, {
      definition,
      updatedAt: () => 'clock_timestamp()',
      ...(isToBeRead && { watermark: null }),
    } as never);
  }

  async makeCurrent({ manager, tenant }: TenantScope, name: string, version: number): Promise<void> {
    // One after the other: never are two the current one.
    await manager.update(FeatureViewRow, { tenantId: tenant, name, isCurrent: true }, { isCurrent: false });
    await manager.update(FeatureViewRow, { tenantId: tenant, name, version }, { isCurrent: true });
  }

  /**
   * Deletes one version or, with null, all, with their pushed rows: a view made anew would read the files of these. Their
   * online values go later.
   */
  async deleteView({ manager, tenant }: TenantScope, name: string, version: number | null): Promise<void> {
    const which = version === null ? {} : { version };
    await manager.delete(FeatureFile, { tenantId: tenant, view: name, kind: 'pushed', ...which });
    const where = { tenantId: tenant, name, ...which };
    const stored = await manager.findBy(FeatureViewRow, { ...where, onlineId: Not(IsNull()) });
    for (const { onlineId } of stored)
      await manager.insert(DroppedView, { tenantId: tenant, onlineId: onlineId! });
    await manager.delete(FeatureViewRow, where);
  }

  /** In the order of their names. */
  services(
    { manager, tenant }: TenantScope,
    after: string | undefined,
    limit: number,
  ): Promise<FeatureServiceRow[]> {
    const where = { tenantId: tenant, ...(after !== undefined && { name: MoreThan(after) }) };
    return manager.find(FeatureServiceRow, { where, order: { name: 'ASC' }, take: limit });
  }

  service({ manager, tenant }: TenantScope, name: string): Promise<FeatureServiceRow | null> {
    return manager.findOneBy(FeatureServiceRow, { tenantId: tenant, name });
  }

  async putService(
    { manager, tenant }: TenantScope,
    { name, ...definition }: FeatureService,
    by: string,
  ): Promise<void> {
    await put(manager, FeatureServiceRow, { tenantId: tenant, name, definition, createdBy: by });
  }

  async deleteService({ manager, tenant }: TenantScope, name: string): Promise<void> {
    await manager.delete(FeatureServiceRow, { tenantId: tenant, name });
  }

  /** A number that the tenant's versions have never had. */
  private async nextOnlineId({ manager, tenant }: TenantScope): Promise<number> {
    const [row] = await manager.query(
      `insert into feature_online_ids as ids (tenant_id, last) values ($1, 1)
       on conflict (tenant_id) do update set last = ids.last + 1 returning last`,
      [tenant],
    );
    return (row as { last: number }).last;
  }
}

/** Adds a definition, or replaces the one of its name. */
async function put(
  manager: EntityManager,
  kind: typeof FeatureEntityRow | typeof FeatureServiceRow,
  row: Partial<FeatureEntityRow> | Partial<FeatureServiceRow>,
): Promise<void> {
  await manager
    .createQueryBuilder()
    .insert()
    .into(kind)
    .values({ ...row, updatedAt: () => 'clock_timestamp()' } as never)
    .orUpdate(['definition', 'updated_at'], ['tenant_id', 'name'])
    .execute();
}

function partsOf(view: View): { name: string; version: number; definition: ViewText } {
  if (view.kind === 'on_demand') {
    const { name, version, ...definition } = view;
    return { name, version, definition };
  }
  const { name, version, online_id: _given, ...definition } = view;
  return { name, version, definition };
}
