import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../database/database.js';

/** What a tenant used on one day, as far as one process knows. */
export interface DayUsage {
  readonly tenant: string;
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly requests: number;
  readonly rows: number;
  readonly jobSeconds: number;
}

/** What a tenant used on one day. */
export interface UsedDay extends Omit<DayUsage, 'tenant'> {
  readonly storedBytes: number | null;
}

/** SQL of what tenants use. */
@Injectable()
export class UsageRepository {
  constructor(private readonly database: Database) {}

  /** Adds sums of any tenants and days, in one order: two processes that add to the same rows do not wait in a circle. */
  async addAll(sums: readonly DayUsage[]): Promise<void> {
    await this.database.system.query(
      `insert into tenant_usage as used (tenant_id, day, requests, row_count, job_seconds)
       select tenant, day, sum(requests), sum(rows), sum("jobSeconds")
       from json_to_recordset($1) as added (tenant text, day date, requests bigint, rows bigint,
         "jobSeconds" double precision)
       group by 1, 2 order by 1, 2
       on conflict (tenant_id, day) do update
       set requests = used.requests + excluded.requests, row_count = used.row_count + excluded.row_count,
         job_seconds = used.job_seconds + excluded.job_seconds`,
      [JSON.stringify(sums)],
    );
  }

  /** Notes under today what each tenant keeps. */
  async noteStored(bytes: readonly { tenant: string; bytes: number }[]): Promise<void> {
    await this.database.system.query(
      `insert into tenant_usage (tenant_id, day, stored_bytes)
       select tenant, (now() at time zone 'UTC')::date, bytes
       from json_to_recordset($1) as kept (tenant text, bytes bigint) order by 1
       on conflict (tenant_id, day) do update set stored_bytes = excluded.stored_bytes`,
      [JSON.stringify(bytes)],
    );
  }

  async deleteOld(keptDays: number): Promise<void> {
    await this.database.system.query(
      `delete from tenant_usage where day < (now() at time zone 'UTC')::date - $1::integer`,
      [keptDays],
    );
  }

  /** Days from `from` to `to`, both included, oldest first; a day on which nothing was used or kept is not among them. */
  async list({ manager, tenant }: TenantScope, from: string, to: string): Promise<UsedDay[]> {
    const rows: unknown = await manager.query(
      `select to_char(day, 'YYYY-MM-DD') as day, requests::float8, row_count::float8 as rows,
         job_seconds as "jobSeconds", stored_bytes::float8 as "storedBytes"
       from tenant_usage where tenant_id = $1 and day between $2 and $3 order by day`,
      [tenant, from, to],
    );
    return rows as UsedDay[];
  }
}
