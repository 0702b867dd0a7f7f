import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { JobRef } from './job-kind.js';

export interface Claim extends JobRef {
  readonly attempt: number;
}

export interface ClaimLimits {
  leaseSeconds: number;
  runningPerTenant: number;
  maxAttempts: number;
}

export interface JobCount {
  readonly kind: string;
  readonly status: string;
  readonly count: number;
}

/** SQL over the jobs of every tenant, as the narrow role that can read and claim them but not see what they hold. */
@Injectable()
export class JobClaimsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Claims the job whose turn it is: of the tenants below their running limit the one with the fewest running
   * jobs, then the one that waited longest since its last claim; of that tenant's jobs the oldest. A job whose
   * lease has run out, by the database's clock, counts as waiting.
   */
  next(kind: string, worker: string, limits: ClaimLimits): Promise<Claim | undefined> {
    return this.database.system.transaction(async (manager) => {
      // Two workers that claim at once would both see room for one more job of a tenant.
      await manager.query(`select pg_advisory_xact_lock(hashtext('claim of ' || $1))`, [kind]);
      const [rows] = await manager.query(
        `with open as (
           select tenant_id,
                  count(*) filter (where status = 'running' and lease_until >= clock_timestamp()) as running
           from jobs where kind = $1 and ended_at is null group by tenant_id
         ), turn as (
           select job.id
           from open
           cross join lateral (
             select id, created_at from jobs
             where kind = $1 and tenant_id = open.tenant_id and ended_at is null and cancel_requested_at is null
               and attempt - released < $5
               and (status = 'submitted' or lease_until < clock_timestamp())
             order by created_at, id limit 1
           ) job
           where open.running < $4
           order by open.running,
                    (select max(claimed_at) from jobs where kind = $1 and tenant_id = open.tenant_id) nulls first,
                    job.created_at
           limit 1
         )
         update jobs set status = 'running', attempt = attempt + 1, worker = $2, claimed_at = clock_timestamp(),
                started_at = coalesce(started_at, clock_timestamp()), updated_at = clock_timestamp(),
                lease_until = clock_timestamp() + make_interval(secs => $3)
         where id = (select id from turn)
           -- Judged again where another transaction, such as a late success, held the row until now.
           and ended_at is null and cancel_requested_at is null
           and (status = 'submitted' or lease_until < clock_timestamp())
         returning tenant_id as tenant, id, attempt`,
        [kind, worker, limits.leaseSeconds, limits.runningPerTenant, limits.maxAttempts],
      );
      return (rows as Claim[])[0];
    });
  }

  /** Whether a job still has to be run. */
  async isOpen(id: string): Promise<boolean> {
    const rows = await this.database.system.query('select from jobs where id = $1 and ended_at is null', [
      id,
    ]);
    return rows.length > 0;
  }

  /** Jobs that wait, oldest first: their wake-up may have been lost. */
  waiting(kind: string, limit: number): Promise<Claim[]> {
    return this.database.system.query(
      `select tenant_id as tenant, id, attempt from jobs
       where kind = $1 and ended_at is null and (status = 'submitted' or lease_until < clock_timestamp())
       order by created_at limit $2`,
      [kind, limit],
    );
  }

  /** Claimed jobs that nobody holds any more and nobody may claim again: cancelled, or out of attempts. */
  abandoned(kind: string, maxAttempts: number): Promise<(Claim & { cancelled: boolean })[]> {
    return this.database.system.query(
      `select tenant_id as tenant, id, attempt, cancel_requested_at is not null as cancelled from jobs
       where kind = $1 and ended_at is null and (status = 'submitted' or lease_until < clock_timestamp())
         and (cancel_requested_at is not null or attempt - released >= $2)`,
      [kind, maxAttempts],
    );
  }

  /** How many jobs of every tenant there are. */
  counts(): Promise<JobCount[]> {
    return this.database.system.query('select kind, status, count(*)::int from jobs group by kind, status');
  }
}
