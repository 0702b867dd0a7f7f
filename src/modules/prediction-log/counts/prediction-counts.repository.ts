import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import type { ErrorCode } from '../../../platform/errors/error-code.js';
import type { BatchEntry } from '../prediction-log.repository.js';
import { timeOf } from '../request-ids.js';

/** What is added to the count of a minute. */
export interface Count {
  readonly tenant: string;
  readonly modelId: string;
  /** Beginning of the minute, in milliseconds since 1970. */
  readonly windowStart: number;
  /** Empty where it is not known. */
  readonly version: string;
  /** `OK`, or an ErrorCode. */
  readonly code: string;
  readonly requests: number;
  readonly rows: number;
}

/** What tells the counts of one model apart, in their order. */
export interface WindowKey {
  readonly windowStart: Date;
  readonly version: string;
  readonly code: string;
}

export interface CountedWindow extends WindowKey {
  readonly requests: number;
  readonly rows: number;
}

export interface CountFilter {
  readonly modelId: string;
  readonly version?: string;
  readonly from?: Date;
  readonly to?: Date;
  readonly before?: WindowKey;
  readonly limit: number;
}

/** Code of what was answered. */
export const ANSWERED = 'OK';
/** Code with which a single prediction of a row is refused that a batch cannot score. */
const UNFIT: ErrorCode = 'VALIDATION_ERROR';

/** In the order of the key, so that two processes that add to the same counts do not wait for each other. */
const ADD = `
  insert into prediction_counts (tenant_id, model_id, window_start, version, code, requests, row_count)
  select tenant, "modelId", to_timestamp("windowStart" / 1000.0), version, code, sum(requests), sum(rows)
  from json_to_recordset($1) as added (tenant text, "modelId" uuid, "windowStart" bigint, version text, code text,
    requests bigint, rows bigint)
  group by 1, 2, 3, 4, 5
  order by 1, 2, 3, 4, 5
  on conflict (tenant_id, model_id, window_start, version, code) do update
  set requests = prediction_counts.requests + excluded.requests,
    row_count = prediction_counts.row_count + excluded.row_count`;

/** SQL of the counts of predictions. */
@Injectable()
export class PredictionCountsRepository {
  constructor(private readonly database: Database) {}

  /** Adds counts of any tenants. */
  async addAll(counts: readonly Count[]): Promise<void> {
    await this.database.system.query(ADD, [JSON.stringify(counts)]);
  }

  /** Counts a batch as one answered request, and its rows by whether they were scored. */
  async addBatch({ manager, tenant }: TenantScope, entry: BatchEntry): Promise<void> {
    const { modelId, version, batch } = entry;
    const key = { tenant, modelId, version, windowStart: minuteOf(timeOf(entry.requestId)) };
    const counts: Count[] = [{ ...key, code: ANSWERED, requests: 1, rows: batch.rows_scored }];
    if (batch.rows_failed > 0) counts.push({ ...key, code: UNFIT, requests: 0, rows: batch.rows_failed });
    await manager.query(ADD, [JSON.stringify(counts)]);
  }

  /** Newest minute first. */
  async list({ manager, tenant }: TenantScope, filter: CountFilter): Promise<CountedWindow[]> {
    const { modelId, version, from, to, before, limit } = filter;
    const where = ['tenant_id = $1', 'model_id = $2'];
    const parameters: unknown[] = [tenant, modelId];
    for (const [comparison, value] of [
      ['version =', version],
      ['window_start >=', from],
      ['window_start <', to],
    ]) {
      if (value !== undefined) where.push(`${comparison as string} $${parameters.push(value)}`);
    }
    if (before) {
      const places = [before.windowStart, before.version, before.code].map(
        (part) => `$${parameters.push(part)}`,
      );
      where.push(`(window_start, version, code) < (${places.join(', ')})`);
    }
    const rows: unknown = await manager.query(
      `select window_start as "windowStart", version, code, requests::float8, row_count::float8 as rows
       from prediction_counts where ${where.join(' and ')}
       order by window_start desc, version desc, code desc limit ${limit}`,
      parameters,
    );
    return rows as CountedWindow[];
  }
}

const MINUTE_MS = 60_000;

/** The beginning of a time's minute, both in milliseconds since 1970. */
export function minuteOf(ms: number): number {
  return ms - (ms % MINUTE_MS);
}
