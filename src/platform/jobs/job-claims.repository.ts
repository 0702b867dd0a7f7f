import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import type { AttemptRef } from './job-kind.js';

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

/** A job that waits for a worker, and what its own spec asks for: null where that is what its kind takes. */
export interface WaitingJob {
  readonly id: string;
  readonly cpus: number | null;
  readonly memoryBytes: number | null;
  readonly waitedSeconds: number;
  /** Whether its tenant runs none of the kinds that share room with this one. */
  readonly isFirst: boolean;
}

/** A job that a worker has begun an attempt of. */
export type Claim = AttemptRef & WaitingJob;

/** A job whose worker has died and that nobody may claim. */
export interface AbandonedJob extends AttemptRef {
  /** Why nobody may: it shall be cancelled or paused, or it has had all its attempts. */
  readonly because: 'cancel' | 'pause' | 'attempts';
}

/** Tenants whose turn comes later than that of so many others are not looked at. */
const MAX_WAITING = 100;

/** SQL over the jobs of every tenant, as the narrow role that can read and claim them but not see what they hold. */
@Injectable()
export class JobClaimsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Claims one job of a kind. `choose` is given the oldest waiting job of each tenant below its running limit, in
   * turn: first of the tenant with the fewest running jobs, then of the one whose last claim is longest ago. A job
   * whose lease has run out, by the database's clock, counts as waiting.
   * @param sharing kinds whose running jobs keep a waiting one from being its tenant's first
   */
  next(
    kind: string,
    worker: string,
    limits: ClaimLimits,
    choose: (waiting: readonly WaitingJob[]) => WaitingJob | undefined = ([first]) => first,
    sharing: readonly string[] = [kind],
  ): Promise<Claim | undefined> {
    return this.database.system.transaction(async (manager) => {
      // Two workers that claim at once would both see room for one more job of a tenant.
      await manager.query(`select pg_advisory_xact_lock(hashtext('claim of ' || $1))`, [kind]);
      const waiting: WaitingJob[] = await manager.query(
        `with busy as (
           select tenant_id, count(*) filter (where kind = $1) as running from jobs
           where kind = any ($4) and status = 'running' and lease_until >= clock_timestamp() group by tenant_id
         ), open as (
           select tenants.tenant_id, coalesce(busy.running, 0) as running, busy.tenant_id is null as is_first
           from (select distinct tenant_id from jobs where kind = $1 and ended_at is null) tenants
           left join busy on busy.tenant_id = tenants.tenant_id
         )
         select job.id, job.needs_cpus as cpus, job.needs_memory_bytes::float8 as "memoryBytes",
                greatest(0, extract(epoch from clock_timestamp() - job.updated_at))::float8 as "waitedSeconds",
                open.is_first as "isFirst"
         from open
         cross join lateral (
           select id, needs_cpus, needs_memory_bytes, created_at, updated_at from jobs
           where kind = $1 and tenant_id = open.tenant_id and ended_at is null
             and cancel_requested_at is null and pause_requested_at is null
             and attempt - uncounted_attempts < $3
             and (status = 'submitted' or lease_until < clock_timestamp())
           order by created_at, id limit 1
         ) job
         where open.running < $2
         order by open.running,
                  (select max(claimed_at) from jobs where kind = $1 and tenant_id = open.tenant_id) nulls first,
                  job.created_at
         limit ${MAX_WAITING}`,
        [kind, limits.runningPerTenant, limits.maxAttempts, sharing],
      );
      const chosen = choose(waiting);
      if (!chosen) return undefined;
      const [rows]: [AttemptRef[]] = await manager.query(
        `update jobs set status = 'running', attempt = attempt + 1, worker = $2, claimed_at = clock_timestamp(),
                started_at = coalesce(started_at, clock_timestamp()), updated_at = clock_timestamp(),
                lease_until = clock_timestamp() + make_interval(secs => $3)
         where id = $1
           -- Judged again where another transaction, such as a late success, held the row until now.
           and ended_at is null and cancel_requested_at is null and pause_requested_at is null
           and (status = 'submitted' or lease_until < clock_timestamp())
         returning tenant_id as tenant, id, attempt`,
        [chosen.id, worker, limits.leaseSeconds],
      );
      return rows[0] && { ...chosen, ...rows[0] };
    });
  }

  /** Whether a job waits or runs: a paused one needs no worker. */
  async isToBeRun(id: string): Promise<boolean> {
    const rows = await this.database.system.query(
      `select from jobs where id = $1 and ended_at is null and status <> 'paused'`,
      [id],
    );
    return rows.length > 0;
  }

  /** Whether a job waits for a worker to claim it. */
  async isWaiting(id: string): Promise<boolean> {
    const rows = await this.database.system.query(
      `select from jobs where id = $1 and ended_at is null and cancel_requested_at is null
         and (status = 'submitted' or lease_until < clock_timestamp())`,
      [id],
    );
    return rows.length > 0;
  }

  /** Jobs that wait, oldest first: their wake-up may have been lost. */
  waiting(kind: string, limit: number): Promise<AttemptRef[]> {
    return this.database.system.query(
      `select tenant_id as tenant, id, attempt from jobs
       where kind = $1 and ended_at is null and (status = 'submitted' or lease_until < clock_timestamp())
       order by created_at limit $2`,
      [kind, limit],
    );
  }

  /** Claimed jobs that nobody holds any more and nobody may claim again. */
  abandoned(kind: string, maxAttempts: number): Promise<AbandonedJob[]> {
    return this.database.system.query(
      `select tenant_id as tenant, id, attempt,
              case when cancel_requested_at is not null then 'cancel'
                   when pause_requested_at is not null then 'pause' else 'attempts' end as because
       from jobs
       where kind = $1 and ended_at is null and (status = 'submitted' or lease_until < clock_timestamp())
         and (cancel_requested_at is not null or pause_requested_at is not null
              or attempt - uncounted_attempts >= $2)`,
      [kind, maxAttempts],
    );
  }

  /** How many jobs of every tenant there are. */
  counts(): Promise<JobCount[]> {
    return this.database.system.query('select kind, status, count(*)::int from jobs group by kind, status');
  }

  /** Deletes some jobs of a kind that ended longer ago than they are kept. @returns how many; 0 once none is left */
  async deleteEnded(kind: string, keptSeconds: number): Promise<number> {
    const [row] = await this.database.system.query('select delete_ended_jobs($1, $2) as deleted', [
      kind,
      keptSeconds,
    ]);
    return (row as { deleted: number }).deleted;
  }
}
