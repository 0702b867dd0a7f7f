import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { DroppedView } from '../definitions/definition.entity.js';

/** SQL of the versions of views that were deleted. */
@Injectable()
export class DroppedViewsRepository {
  constructor(private readonly database: Database) {}

  /** Those of all tenants that were deleted so long ago, the first ones first. */
  before(seconds: number, limit: number): Promise<{ tenant: string; onlineId: number }[]> {
    return this.database.system.query(
      `select tenant_id as tenant, online_id as "onlineId" from feature_dropped_views
       where dropped_at <= now() - make_interval(secs => $1) order by dropped_at limit $2`,
      [seconds, limit],
    );
  }

  async forget({ manager, tenant }: TenantScope, onlineId: number): Promise<void> {
    await manager.delete(DroppedView, { tenantId: tenant, onlineId });
  }
}
