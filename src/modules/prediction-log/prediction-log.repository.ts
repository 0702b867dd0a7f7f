import { Injectable } from '@nestjs/common';
import { Changes } from '../../platform/changes/changes.js';
import type { TenantScope } from '../../platform/database/database.js';
import type { LoggedBatchBody } from './prediction-log.dto.js';
import { LoggedPrediction, LogSettings } from './prediction-log.entity.js';
import { LOG_SETTINGS_CHANGE } from './recorder/log-rules.js';
import { floorOf, timeOf } from './request-ids.js';

/** Which logged predictions are meant. */
export interface LogFilter {
  readonly modelId: string;
  readonly version?: string;
  /** Requests from this time on. */
  readonly from?: Date;
  /** Requests before this time. */
  readonly to?: Date;
  readonly deployment?: string;
  readonly arm?: string;
  /** Only answers that nobody was given, or only those that somebody was. */
  readonly shadow?: boolean;
  /** Share of the requests, from 0 to 1: the same ones each time. Every batch is among them. */
  readonly sample?: number;
}

export interface PageOfList {
  /** UUID of a request: only those before it. */
  readonly before?: string;
  readonly limit: number;
  /** Features and output of requests with more rows than this are left out. */
  readonly maxRows: number;
}

export interface PageOfWindow {
  readonly order: 'oldest first' | 'newest first';
  /** UUID of a request: only those that come after it in this order. */
  readonly after?: string;
  readonly maxRequests: number;
  /** Bytes of JSON text that the page may hold; one request is in it whatever its size. */
  readonly maxBytes: number;
}

export type BatchEntry = Pick<
  LoggedPrediction,
  'requestId' | 'modelId' | 'version' | 'rowCount' | 'latencyMs'
> & {
  readonly batch: LoggedBatchBody;
};

/** What the column can hold. */
const MOST_ROWS = 2 ** 31 - 1;

/** Columns of PostgreSQL under the names of the entity's properties, but for features and output. */
const COLUMNS = `request_id as "requestId", model_id as "modelId", version, row_count as "rowCount",
  latency_ms as "latencyMs", batch, deployment, arm, shadow, ensemble, entity_keys as "entityKeys"`;

/** SQL of one tenant's prediction log and its settings. */
@Injectable()
export class PredictionLogRepository {
  constructor(private readonly changes: Changes) {}

  find({ manager, tenant }: TenantScope, requestId: string): Promise<LoggedPrediction | null> {
    return manager.findOneBy(LoggedPrediction, { tenantId: tenant, requestId });
  }

  /** Newest first. */
  async list(
    { manager, tenant }: TenantScope,
    filter: LogFilter,
    { before, limit, maxRows }: PageOfList,
  ): Promise<LoggedPrediction[]> {
    const [where, parameters] = conditionsOf(tenant, filter, ['request_id <', before]);
    const shown = (column: string) => `case when row_count <= ${maxRows} then ${column} end as ${column}`;
    const rows: unknown = await manager.query(
      `select ${COLUMNS}, ${shown('features')}, ${shown('output')}
       from prediction_log where ${where} order by request_id desc limit ${limit}`,
      parameters,
    );
    return rows as LoggedPrediction[];
  }

  /** The next requests of a window: as many as fit into the page. */
  async window(
    { manager, tenant }: TenantScope,
    filter: LogFilter,
    { order, after, maxRequests, maxBytes }: PageOfWindow,
  ): Promise<LoggedPrediction[]> {
    const [comparison, direction] = order === 'oldest first' ? ['>', 'asc'] : ['<', 'desc'];
    const [where, parameters] = conditionsOf(tenant, filter, [`request_id ${comparison}`, after]);
    const rows: unknown = await manager.query(
      `select ${COLUMNS}, features, output from (
         select *, row_number() over (order by request_id ${direction}) as place,
           sum(octet_length(concat(features, output, ensemble, entity_keys)))
             over (order by request_id ${direction}) as bytes
         from (select * from prediction_log where ${where} order by request_id ${direction} limit ${maxRequests}) as next
       ) as measured
       where place = 1 or bytes <= ${maxBytes} order by request_id ${direction}`,
      parameters,
    );
    return rows as LoggedPrediction[];
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

  settings({ manager, tenant }: TenantScope, modelId: string): Promise<LogSettings | null> {
    return manager.findOneBy(LogSettings, { tenantId: tenant, modelId });
  }

  /** Every process reads the settings again once the transaction commits. */
  async saveSettings(scope: TenantScope, settings: Omit<LogSettings, 'tenantId'>): Promise<void> {
    await scope.manager.upsert(LogSettings, { ...settings, tenantId: scope.tenant }, ['tenantId', 'modelId']);
    await this.changes.raise(scope, LOG_SETTINGS_CHANGE, settings.modelId);
  }
}

/** The text of a where clause and its parameters. */
function conditionsOf(
  tenant: string,
  { modelId, version, from, to, deployment, arm, shadow, sample }: LogFilter,
  cursor: [comparison: string, requestId: string | undefined],
): [string, unknown[]] {
  const where = ['tenant_id = $1', 'model_id = $2'];
  const parameters: unknown[] = [tenant, modelId];
  for (const [comparison, value] of [
    ['version =', version],
    ['request_id >=', from && floorOf(from.getTime())],
    ['request_id <', to && floorOf(to.getTime())],
    ['deployment =', deployment],
    ['arm =', arm],
    cursor,
  ]) {
    if (value !== undefined) where.push(`${comparison} $${parameters.push(value)}`);
  }
  if (shadow !== undefined) where.push(shadow ? 'shadow' : 'shadow is not true');
  // By a hash and not by the id's last bits, by which the log itself is sampled.
  if (sample !== undefined) {
    const most = parameters.push(Math.floor(sample * 2 ** 32));
    where.push(`(batch is not null or uuid_hash_extended(request_id, 0) & 4294967295 < $${most}::bigint)`);
  }
  return [where.join(' and '), parameters];
}
