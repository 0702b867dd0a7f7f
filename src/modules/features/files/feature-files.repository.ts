import { Injectable } from '@nestjs/common';
import { Raw } from 'typeorm';
import type { TenantScope } from '../../../platform/database/database.js';
import type { StoredView } from '../definitions/definitions.js';
import { FeatureFile } from './feature-file.entity.js';

/** SQL of the objects of one tenant that hold features. */
@Injectable()
export class FeatureFilesRepository {
  /** Lists an object that was written, in place of what lay at its address before. */
  async add(
    { manager, tenant }: TenantScope,
    file: Omit<FeatureFile, 'tenantId' | 'createdAt'>,
  ): Promise<void> {
    await manager.delete(FeatureFile, { tenantId: tenant, uri: file.uri });
    await manager.insert(FeatureFile, { ...file, tenantId: tenant } as never);
  }

  /** Files of the rows that were pushed to a version, in the order in which they were made. */
  pushed(
    { manager, tenant }: TenantScope,
    { name, version }: Pick<StoredView, 'name' | 'version'>,
  ): Promise<FeatureFile[]> {
    return manager.find(FeatureFile, {
      where: { tenantId: tenant, view: name, version, kind: 'pushed' },
      order: { id: 'ASC' },
    });
  }

  /** Files that may hold rows of an entity. */
  of({ manager, tenant }: TenantScope, entity: string): Promise<FeatureFile[]> {
    const entities = Raw((column) => `${column} @> :entities`, { entities: JSON.stringify([entity]) });
    return manager.find(FeatureFile, { where: { tenantId: tenant, entities }, order: { id: 'ASC' } });
  }

  /** Notes that a file has been written anew. */
  async replace(
    { manager, tenant }: TenantScope,
    id: string,
    file: Pick<FeatureFile, 'rows' | 'sizeBytes' | 'sha256'>,
  ): Promise<void> {
    await manager.update(FeatureFile, { tenantId: tenant, id }, file);
  }
}
