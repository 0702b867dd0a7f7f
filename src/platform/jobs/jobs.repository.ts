import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../database/database.js';
import { Outbox } from '../outbox/outbox.js';
import { Job, JobEvent, type JobStatus } from './job.entity.js';

/** What a worker writes about its attempt; only columns that are given change. */
export type AttemptUpdate = Partial<
  Pick<Job, 'progress' | 'metrics' | 'resources' | 'warnings' | 'engineJobId'>
>;

export type Ending =
  | { status: 'succeeded'; result: Record<string, unknown> }
  | { status: 'failed'; errorCode: string; errorMessage: string }
  | { status: 'cancelled' };

export interface JobFilter {
  kind: string;
  status?: JobStatus;
  modelName?: string;
  before?: string;
  limit: number;
}

/** SQL of one tenant's jobs. */
@Injectable()
export class JobsRepository {
  constructor(private readonly outbox: Outbox) {}

  async insert({ manager, tenant }: TenantScope, job: Partial<Job>): Promise<Job> {
    const result = await manager
      .createQueryBuilder()
      .insert()
      .into(Job)
      .values({ ...job, tenantId: tenant } as never)
      .returning('*')
      .execute();
    return manager.create(Job, result.generatedMaps[0] as Partial<Job>);
  }

  find({ manager, tenant }: TenantScope, kind: string, id: string): Promise<Job | null> {
    return manager.findOneBy(Job, { tenantId: tenant, kind, id });
  }

  /** Locks the row, so that what follows in the transaction sees its last state. */
  lock({ manager, tenant }: TenantScope, id: string): Promise<Job | null> {
    return manager.findOne(Job, { where: { tenantId: tenant, id }, lock: { mode: 'pessimistic_write' } });
  }

  /** Newest first. */
  async list({ manager, tenant }: TenantScope, filter: JobFilter): Promise<Job[]> {
    const shown = manager.connection
      .getMetadata(Job)
      .columns.filter(({ propertyName }) => propertyName !== 'spec');
    const query = manager
      .createQueryBuilder(Job, 'job')
      .select(shown.map(({ propertyName }) => `job.${propertyName}`))
      // Lists of columns may make a spec as large as a request; a page holds 200.
      .addSelect(`job.spec - 'data_config' - 'hyperparameters' - 'passthrough_columns'`, 'job_spec')
      .where('job.tenant_id = :tenant and job.kind = :kind', { tenant, kind: filter.kind })
      .orderBy('job.id', 'DESC')
      .limit(filter.limit);
    if (filter.status) query.andWhere('job.status = :status', { status: filter.status });
    if (filter.modelName) query.andWhere(`job.spec ->> 'model_name' = :name`, { name: filter.modelName });
    if (filter.before) query.andWhere('job.id < :before', { before: filter.before });
    const { entities, raw } = await query.getRawAndEntities<{ job_spec: Job['spec'] }>();
    return entities.map((job, at) => manager.merge(Job, job, { spec: raw[at]?.job_spec }));
  }

  countOpen({ manager, tenant }: TenantScope, kind: string): Promise<number> {
    return manager
      .createQueryBuilder(Job, 'job')
      .where('job.tenant_id = :tenant and job.kind = :kind and job.ended_at is null', { tenant, kind })
      .getCount();
  }

  /**
   * Prolongs the lease of an attempt and writes what it learned.
   * @returns whether somebody asked to cancel, or undefined where the attempt no longer holds the job
   */
  async heartbeat(
    { manager, tenant }: TenantScope,
    id: string,
    attempt: number,
    leaseSeconds: number,
    update: AttemptUpdate,
  ): Promise<boolean | undefined> {
    const result = await manager
      .createQueryBuilder()
      .update(Job)
      .set({
        ...update,
        leaseUntil: () => 'clock_timestamp() + make_interval(secs => :lease)',
        updatedAt: () => 'now()',
      } as never)
      .where(`tenant_id = :tenant and id = :id and attempt = :attempt and status = 'running'`)
      .setParameters({ tenant, id, attempt, lease: leaseSeconds })
      .returning('cancel_requested_at')
      .execute();
    const row = (result.raw as { cancel_requested_at: Date | null }[])[0];
    return row && row.cancel_requested_at !== null;
  }

  /** Ends a job that `attempt` holds; false where it no longer does. */
  async end(
    scope: TenantScope,
    id: string,
    attempt: number,
    ending: Ending,
    update: AttemptUpdate = {},
  ): Promise<boolean> {
    const { manager, tenant } = scope;
    const result = await manager
      .createQueryBuilder()
      .update(Job)
      .set({
        ...update,
        ...ending,
        leaseUntil: null,
        endedAt: () => 'clock_timestamp()',
        updatedAt: () => 'clock_timestamp()',
      } as never)
      .where(`tenant_id = :tenant and id = :id and attempt = :attempt and ended_at is null`)
      .setParameters({ tenant, id, attempt })
      .returning('kind')
      .execute();
    const [row] = result.raw as { kind: string }[];
    if (row) await this.addEnded(scope, id, row.kind, ending);
    return row !== undefined;
  }

  /** Ends a job that nobody holds, with its last event; false where somebody does after all. */
  async endAbandoned(scope: TenantScope, id: string, attempt: number, ending: Ending): Promise<boolean> {
    const { manager, tenant } = scope;
    const { status, errorCode, errorMessage } = { errorCode: null, errorMessage: null, ...ending };
    const [rows] = await manager.query(
      `update jobs set status = $4, error_code = $5, error_message = $6, lease_until = null,
              ended_at = clock_timestamp(), updated_at = clock_timestamp()
       where tenant_id = $1 and id = $2 and attempt = $3 and ended_at is null
         and (status = 'submitted' or lease_until < clock_timestamp()) returning kind`,
      [tenant, id, attempt, status, errorCode, errorMessage],
    );
    const [row] = rows as { kind: string }[];
    if (!row) return false;
    await this.addLastEvent(scope, { id, attempt }, { type: status, data: { ...ending } });
    await this.addEnded(scope, id, row.kind, ending);
    return true;
  }

  /** Gives a job that `attempt` holds back to the queue; `unhurt` where the attempt shall not count. */
  async release(
    { manager, tenant }: TenantScope,
    id: string,
    attempt: number,
    unhurt: boolean,
  ): Promise<boolean> {
    const [, affected] = await manager.query(
      `update jobs set status = 'submitted', lease_until = null, released = released + $4, updated_at = now()
       where tenant_id = $1 and id = $2 and attempt = $3 and status = 'running'`,
      [tenant, id, attempt, unhurt ? 1 : 0],
    );
    return affected === 1;
  }

  /** Ends a job that no worker holds, or asks the one that does to end it; the row as it then is. */
  async requestCancel(scope: TenantScope, kind: string, id: string): Promise<Job | null> {
    const { manager, tenant } = scope;
    const [rows] = await manager.query(
      `update jobs set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()), updated_at = now(),
         status = case status when 'submitted' then 'cancelled' else status end,
         ended_at = case status when 'submitted' then clock_timestamp() else ended_at end
       where tenant_id = $1 and kind = $2 and id = $3 and ended_at is null returning ended_at`,
      [tenant, kind, id],
    );
    const [row] = rows as { ended_at: Date | null }[];
    if (row?.ended_at) await this.addEnded(scope, id, kind, { status: 'cancelled' });
    return this.find(scope, kind, id);
  }

  /** Tells applications that a job has ended, however it did. */
  private addEnded(scope: TenantScope, id: string, kind: string, ending: Ending): Promise<void> {
    const error_code = ending.status === 'failed' ? ending.errorCode : null;
    const data = { job_id: id, kind, status: ending.status, error_code };
    return this.outbox.add(scope, { type: 'job.ended', data });
  }

  /** Adds events of one job, and wakes who streams them once they can be seen. */
  async addEvents({ manager }: TenantScope, events: readonly Partial<JobEvent>[]): Promise<void> {
    for (let start = 0; start < events.length; start += 500) {
      await manager
        .createQueryBuilder()
        .insert()
        .into(JobEvent)
        .values(events.slice(start, start + 500) as never)
        .execute();
    }
    if (events[0]) await manager.query(`select pg_notify('job_events', $1)`, [events[0].jobId]);
  }

  /** The last event of a job that ends while no attempt holds it. The caller has the row locked or has ended it. */
  async addLastEvent(
    scope: TenantScope,
    { id, attempt }: Pick<Job, 'id' | 'attempt'>,
    last: { type: string; data: Record<string, unknown> },
  ): Promise<void> {
    const { manager, tenant } = scope;
    const [row] = await manager.query(
      'select coalesce(max(seq), 0) + 1 as seq from job_events where tenant_id = $1 and job_id = $2 and attempt = $3',
      [tenant, id, attempt],
    );
    const { seq } = row as { seq: number };
    await this.addEvents(scope, [{ ...last, tenantId: tenant, jobId: id, attempt, seq }]);
  }

  /** Events in order, of every type or of one, from after the one that `after` names. */
  events(
    { manager, tenant }: TenantScope,
    id: string,
    after: { attempt: number; seq: number },
    limit: number,
    type?: 'log',
  ): Promise<JobEvent[]> {
    const query = manager
      .createQueryBuilder(JobEvent, 'event')
      .where('event.tenant_id = :tenant and event.job_id = :id', { tenant, id })
      .andWhere('(event.attempt, event.seq) > (:attempt, :seq)', after);
    if (type) query.andWhere('event.type = :type', { type });
    return query.orderBy('event.attempt').addOrderBy('event.seq').limit(limit).getMany();
  }
}
