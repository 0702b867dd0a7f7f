import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../../../platform/database/database.js';
import { timeOf } from './log-entry.js';
import type { LoggedBatchBody } from './log.dto.js';
import { LoggedPrediction, LogSettings } from './prediction-log.entity.js';

export interface LogFilter {
  readonly modelId: string;
  readonly version?: string;
  /** Least id, and the id before which it ends: times, as ids have them. */
  readonly from?: string;
  readonly to?: string;
  /** Only ids before this one, newest first; or after this one, oldest first. */
  readonly before?: string;
  readonly after?: string;
  readonly limit: number;
  /** Leave out features and output of requests with more rows than this. */
  readonly maxRows?: number;
}

export type BatchEntry = Pick<
  LoggedPrediction,
  'requestId' | 'modelId' | 'version' | 'rowCount' | 'latencyMs'
> & {
  readonly batch: LoggedBatchBody;
};

/** What the column can hold. */
const MOST_ROWS = 2 ** 31 - 1;

/** SQL of one tenant's prediction log and its settings. */
@Injectable()
export class LogRepository {
  find({ manager, tenant }: TenantScope, requestId: string): Promise<LoggedPrediction | null> {
    return manager.findOneBy(LoggedPrediction, { tenantId: tenant, requestId });
  }

  /** Oldest first after `after`, else newest first. */
  async list({ manager, tenant }: TenantScope, filter: LogFilter): Promise<LoggedPrediction[]> {
    const { modelId, version, from, to, before, after, limit, maxRows } = filter;
    const where = ['tenant_id = $1', 'model_id = $2'];
    const parameters: unknown[] = [tenant, modelId];
    for (const [condition, value] of [
      ['version =', version],
      ['request_id >=', from],
      ['request_id <', to],
      ['request_id <', before],
      ['request_id >', after],
    ]) {
      if (value !== undefined) where.push(`${condition} $${parameters.push(value)}`);
    }
    const shown = (column: string) =>
      maxRows === undefined ? column : `case when row_count <= ${maxRows} then ${column} end as ${column}`;
    const rows: Record<string, unknown>[] = await manager.query(
      `select request_id as "requestId", model_id as "modelId", version, row_count as "rowCount",
              latency_ms as "latencyMs", ${shown('features')}, ${shown('output')}, batch
       from prediction_log where ${where.join(' and ')}
       order by request_id ${after === undefined ? 'desc' : 'asc'} limit ${limit}`,
      parameters,
    );
    return rows as unknown as LoggedPrediction[];
  }

  /** Nothing where the day of the request is no longer kept, which must not fail a job that took that long. */
  async addBatch({ manager, tenant }: TenantScope, entry: BatchEntry): Promise<void> {
    const { requestId, modelId, version, rowCount, latencyMs, batch } = entry;
    const day = new Date(timeOf(requestId)).toISOString().slice(0, 10).replaceAll('-', '');
    await manager.query(
      `insert into prediction_log
         (tenant_id, request_id, model_id, version, row_count, latency_ms, features, output, batch)
       select $1, $2::uuid, $3::uuid, $4, $5, $6, 'null', 'null', $7::json
       where to_regclass($8) is not null
       on conflict do nothing`,
      [
        ...[tenant, requestId, modelId, version, Math.min(rowCount, MOST_ROWS), latencyMs],
        ...[JSON.stringify(batch), `prediction_log_${day}`],
      ],
    );
  }

  async modelExists({ manager, tenant }: TenantScope, modelId: string): Promise<boolean> {
    const rows = await manager.query('select from models where tenant_id = $1 and id = $2', [
      tenant,
      modelId,
    ]);
    return rows.length > 0;
  }

  /** Locks the model, under which its settings change one after the other. */
  async lockModel({ manager, tenant }: TenantScope, modelId: string): Promise<boolean> {
    const rows = await manager.query('select from models where tenant_id = $1 and id = $2 for update', [
      tenant,
      modelId,
    ]);
    return rows.length > 0;
  }

  settings({ manager, tenant }: TenantScope, modelId: string): Promise<LogSettings | null> {
    return manager.findOneBy(LogSettings, { tenantId: tenant, modelId });
  }

  /** Every server looks at the settings again once the catalogue's revision is another. */
  async saveSettings(
    { manager, tenant }: TenantScope,
    settings: Omit<LogSettings, 'tenantId'>,
  ): Promise<void> {
    await manager.upsert(LogSettings, { ...settings, tenantId: tenant }, ['tenantId', 'modelId']);
    await manager.query(
      `with raised as (update catalog_revision set revision = revision + 1 returning revision)
       select pg_notify('catalog_revision', revision::text) from raised`,
    );
  }
}
