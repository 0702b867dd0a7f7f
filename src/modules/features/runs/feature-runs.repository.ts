import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../../../platform/database/database.js';
import type { StoredView } from '../definitions/definitions.js';
import type { ViewText } from '../definitions/definition.entity.js';
import { FeatureRun } from './feature-run.entity.js';

/** What one run did to a version of a view. */
export interface EndedRun {
  readonly jobId: string;
  readonly start: Date | null;
  readonly end: Date;
  readonly newestEventTime: string | null;
  readonly bytesPerEntity: number | null;
  readonly entities: number;
  readonly written: number;
  readonly counts: FeatureRun['counts'];
  readonly violations: FeatureRun['violations'];
  readonly statistics: FeatureRun['statistics'];
}

/** SQL of how far the online values of one tenant's views are. */
@Injectable()
export class FeatureRunsRepository {
  /** Until this transaction ends, no other decides whether a materialization of the tenant may be submitted. */
  async lockSubmissions({ manager, tenant }: TenantScope): Promise<void> {
    await manager.query(`select pg_advisory_xact_lock(hashtext('materializations of ' || $1))`, [tenant]);
  }

  /**
   * Notes a run that has ended well. The watermark never moves backwards; it moves only where nothing was left out
   * between it and the run's start, and where the view is still defined as the run has read it.
   * @returns false where the version has been deleted meanwhile
   */
  async add(
    { manager, tenant }: TenantScope,
    { name, version }: Pick<StoredView, 'name' | 'version'>,
    definition: ViewText,
    run: EndedRun,
  ): Promise<boolean> {
    const [, updated]: [unknown, number] = await manager.query(
      `update feature_views
       set materialized_at = now(),
           newest_event_time = greatest(newest_event_time, $5::timestamptz),
           bytes_per_entity = coalesce($6, bytes_per_entity),
           online_entities = case when $7::timestamptz is null then $9 else coalesce(online_entities, 0) + $10 end,
           watermark = case
             when definition = $4::jsonb and ($7::timestamptz is null or $7::timestamptz <= watermark)
             then greatest(watermark, $8::timestamptz) else watermark end
       where tenant_id = $1 and name = $2 and version = $3`,
      [
        ...[tenant, name, version, JSON.stringify(definition)],
        ...[run.newestEventTime, run.bytesPerEntity, run.start, run.end, run.entities, run.written],
      ],
    );
    if (updated === 0) return false;
    await manager.insert(FeatureRun, {
      tenantId: tenant,
      view: name,
      version,
      jobId: run.jobId,
      intervalStart: run.start,
      intervalEnd: run.end,
      counts: run.counts as never,
      violations: run.violations,
      statistics: run.statistics as never,
    });
    return true;
  }

  /** Runs of a version, newest first. @param before job of the run before which the page begins */
  list(
    { manager, tenant }: TenantScope,
    { name, version }: Pick<StoredView, 'name' | 'version'>,
    before: string | undefined,
    limit: number,
  ): Promise<FeatureRun[]> {
    const query = manager
      .createQueryBuilder(FeatureRun, 'run')
      .where('run.tenantId = :tenant and run.view = :name and run.version = :version', {
        tenant,
        name,
        version,
      })
      // Ids of jobs are in the order of their submission.
      .orderBy('run.jobId', 'DESC')
      .limit(limit);
    if (before !== undefined) query.andWhere('run.jobId < :before', { before });
    return query.getMany();
  }
}
