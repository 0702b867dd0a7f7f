import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../../platform/database/database.js';

/** A current version of a view, and how old its newest values are. */
export interface ViewAge {
  readonly tenant: string;
  readonly view: string;
  readonly version: number;
  /** Since the newest event time or, where there are no values yet, since the version was defined. */
  readonly ageSeconds: number;
  readonly isStale: boolean;
}

/** SQL of how old the online values of views are. */
@Injectable()
export class FreshnessRepository {
  constructor(private readonly database: Database) {}

  /** Seconds since the newest event time of the view, of all tenants, of which that is longest ago; null without views. */
  async worstAge(): Promise<number | null> {
    const [row]: { worst: number | null }[] = await this.database.system.query(
      'select max(age_seconds) as worst from feature_freshness() where has_values',
    );
    return row!.worst;
  }

  /** Views of all tenants that have become older than their alarm allows, or fresh again, since that was noted. */
  changed(): Promise<ViewAge[]> {
    return this.database.system.query(
      `select tenant, view, version, age_seconds as "ageSeconds", age_seconds > alarm_seconds as "isStale"
       from feature_freshness() where coalesce(age_seconds > alarm_seconds, false) <> is_told`,
    );
  }

  /** @returns whether that was not noted yet */
  async note({ manager, tenant }: TenantScope, { view, version, isStale }: ViewAge): Promise<boolean> {
    const [noted]: [unknown[], number] = await manager.query(
      `update feature_views set stale_since = case when $4 then now() end
       where tenant_id = $1 and name = $2 and version = $3 and (stale_since is not null) <> $4 returning name`,
      [tenant, view, version, isStale],
    );
    return noted.length > 0;
  }
}
