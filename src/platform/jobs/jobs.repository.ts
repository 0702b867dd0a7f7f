import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../database/database.js';
import { Outbox } from '../outbox/outbox.js';
import type { AttemptRef, JobKind } from './job-kind.js';
import { Job, type JobStatus } from './job.entity.js';

/** What a worker writes about its attempt; only columns that are given change. */
export type AttemptUpdate = Partial<
  Pick<Job, 'progress' | 'metrics' | 'resources' | 'warnings' | 'engineJobId' | 'crashedBy'>
>;

export type Ending =
  | { status: 'succeeded'; result: unknown }
  | { status: 'failed'; errorCode: string; errorMessage: string }
  | { status: 'cancelled' };

/** What the worker that holds a job has been asked to do with it. */
export interface Requests {
  readonly cancel: boolean;
  readonly pause: boolean;
}

/** Which jobs of one kind; `where` compares texts of the spec. */
export interface JobFilter {
  /** One of these. */
  status?: readonly JobStatus[];
  where?: Readonly<Record<string, string>>;
  /** Id of the job before which the page begins. */
  before?: string;
  limit: number;
}

/** Which jobs of all kinds. */
export interface AnyJobFilter {
  kind?: JobKind;
  status?: JobStatus;
  parentId?: string;
  /** UUID in the id of the job before which the page begins. */
  before?: string;
  limit: number;
}

/** What every kind shows of its jobs. */
const COMMON = [
  ...([
    'id',
    'kind',
    'parentId',
    'status',
    'submittedBy',
    'apiKey',
    'rerunOf',
    'attempt',
    'cancelRequestedAt',
    'warnings',
  ] as const),
  ...(['errorCode', 'errorMessage', 'createdAt', 'startedAt', 'updatedAt', 'endedAt'] as const),
];

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

  async find(scope: TenantScope, kind: string, id: string): Promise<Job | null> {
    const job = await this.findOfAnyKind(scope, id);
    return job?.kind === kind ? job : null;
  }

  async findOfAnyKind(scope: TenantScope, id: string): Promise<Job | null> {
    const { manager, tenant } = scope;
    const job = await manager.findOneBy(Job, { tenantId: tenant, id });
    return job && ((await this.placed(scope, [job]))[0] as Job);
  }

  /** Locks the row, so that what follows in the transaction sees its last state. */
  lock({ manager, tenant }: TenantScope, id: string): Promise<Job | null> {
    return manager.findOne(Job, { where: { tenantId: tenant, id }, lock: { mode: 'pessimistic_write' } });
  }

  /** Jobs of one kind, newest first, with the part of their specs that the kind shows. */
  async list(scope: TenantScope, kind: JobKind, filter: JobFilter): Promise<Job[]> {
    const { manager, tenant } = scope;
    const shown = manager.connection
      .getMetadata(Job)
      .columns.filter(({ propertyName }) => propertyName !== 'spec' && propertyName !== 'request');
    const query = manager
      .createQueryBuilder(Job, 'job')
      .select(shown.map(({ propertyName }) => `job.${propertyName}`))
      // A spec and a request may be as large as a body, and a page holds 200.
      .addSelect(
        `(select jsonb_object_agg(key, value) from jsonb_each(job.spec) where key = any (:fields))`,
        'job_spec',
      )
      .where('job.tenant_id = :tenant and job.kind = :kind', { tenant, kind: kind.name })
      .setParameter('fields', kind.summaryFields)
      .orderBy('job.id', 'DESC')
      .limit(filter.limit);
    if (filter.status) query.andWhere('job.status in (:...status)', { status: filter.status });
    Object.entries(filter.where ?? {}).forEach(([field, text], at) =>
      query.andWhere(`job.spec ->> :field${at} = :text${at}`, { [`field${at}`]: field, [`text${at}`]: text }),
    );
    if (filter.before) query.andWhere('job.id < :before', { before: filter.before });
    const { entities, raw } = await query.getRawAndEntities<{ job_spec: unknown }>();
    return this.placed(
      scope,
      entities.map((job, at) => ({ ...job, spec: raw[at]?.job_spec ?? {} })),
    );
  }

  /** Jobs of all kinds, newest first, with what every kind shows and no more. */
  async listAll(scope: TenantScope, filter: AnyJobFilter): Promise<Job[]> {
    const { manager, tenant } = scope;
    const { kind, status, parentId, before, limit } = filter;
    // Ids of one kind have one prefix; those of several are in order only behind it.
    const order = kind ? 'job.id' : 'right(job.id, 36)';
    const query = manager
      .createQueryBuilder(Job, 'job')
      .select(COMMON.map((column) => `job.${column}`))
      .where('job.tenant_id = :tenant', { tenant })
      .orderBy(order, 'DESC')
      .limit(limit);
    if (kind) query.andWhere('job.kind = :kind', { kind: kind.name });
    if (status) query.andWhere('job.status = :status', { status });
    if (parentId) query.andWhere('job.parent_id = :parentId', { parentId });
    if (before) query.andWhere(`${order} < :before`, { before: kind ? `${kind.prefix}-${before}` : before });
    return this.placed(scope, await query.getMany());
  }

  /** The same jobs, of which those that are submitted say where they stand in the queue. */
  private async placed({ manager, tenant }: TenantScope, jobs: Job[]): Promise<Job[]> {
    const waiting = jobs.filter(({ status }) => status === 'submitted');
    if (waiting.length === 0) return jobs;
    const positions: { id: string; position: number }[] = await manager.query(
      `select id, position from (
         select id, row_number() over (partition by kind order by created_at, id)::int as position from jobs
         where tenant_id = $1 and kind = any ($2) and ended_at is null and status = 'submitted'
       ) queue where id = any ($3)`,
      [tenant, [...new Set(waiting.map(({ kind }) => kind))], waiting.map(({ id }) => id)],
    );
    const positionOf = new Map(positions.map(({ id, position }) => [id, position]));
    return jobs.map((job) => ({ ...job, queuePosition: positionOf.get(job.id) }));
  }

  /** How many jobs that have not ended are in each state, by kind. */
  async countOpenByKind({
    manager,
    tenant,
  }: TenantScope): Promise<{ kind: string; status: JobStatus; jobs: number }[]> {
    return manager.query(
      `select kind, status, count(*)::int as jobs from jobs where tenant_id = $1 and ended_at is null
       group by kind, status`,
      [tenant],
    );
  }

  /** How many jobs of a kind have not ended, and how many of them are submitted. */
  async countOpen(
    { manager, tenant }: TenantScope,
    kind: string,
  ): Promise<{ open: number; submitted: number }> {
    const [counts] = await manager.query(
      `select count(*)::int as open, count(*) filter (where status = 'submitted')::int as submitted from jobs
       where tenant_id = $1 and kind = $2 and ended_at is null`,
      [tenant, kind],
    );
    return counts as { open: number; submitted: number };
  }

  /**
   * Prolongs the lease of an attempt and writes what it learned.
   * @returns what the attempt is asked to do, or undefined where it no longer holds the job
   */
  async heartbeat(
    { manager, tenant }: TenantScope,
    { id, attempt }: AttemptRef,
    leaseSeconds: number,
    update: AttemptUpdate,
  ): Promise<Requests | undefined> {
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
      .returning('cancel_requested_at is not null as cancel, pause_requested_at is not null as pause')
      .execute();
    return (result.raw as Requests[])[0];
  }

  /** Ends a job that an attempt holds; false where it no longer does. */
  async end(
    scope: TenantScope,
    { id, attempt }: AttemptRef,
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

  /** Ends a job whose worker has died; false where somebody holds it after all. */
  async endAbandoned(
    scope: TenantScope,
    { id, attempt }: AttemptRef,
    ending: Exclude<Ending, { status: 'succeeded' }>,
  ): Promise<boolean> {
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
    if (row) await this.addEnded(scope, id, row.kind, ending);
    return row !== undefined;
  }

  /** Tells applications that a job has ended, however it did. */
  private addEnded(scope: TenantScope, id: string, kind: string, ending: Ending): Promise<void> {
    const error_code = ending.status === 'failed' ? ending.errorCode : null;
    const data = { job_id: id, kind, status: ending.status, error_code };
    return this.outbox.add(scope, { type: 'job.ended', data });
  }

  /**
   * Lets a job go that an attempt holds, so that it waits for another one, or is paused where that was asked for.
   * @param isCounted whether the attempt counts against the most that a job may have
   * @param update what the attempt learned and has not written yet
   * @returns the status that the job has now, or undefined where the attempt no longer holds it
   */
  async giveBack(
    { manager, tenant }: TenantScope,
    { id, attempt }: AttemptRef,
    isCounted: boolean,
    update: AttemptUpdate = {},
  ): Promise<'submitted' | 'paused' | undefined> {
    const result = await manager
      .createQueryBuilder()
      .update(Job)
      .set({
        ...update,
        status: () =>
          `case when pause_requested_at is not null and cancel_requested_at is null then 'paused' else 'submitted' end`,
        pauseRequestedAt: null,
        leaseUntil: null,
        uncountedAttempts: () => `uncounted_attempts + ${isCounted ? 0 : 1}`,
        updatedAt: () => 'clock_timestamp()',
      } as never)
      .where(`tenant_id = :tenant and id = :id and attempt = :attempt and status = 'running'`)
      .setParameters({ tenant, id, attempt })
      .returning('status')
      .execute();
    return (result.raw as { status: 'submitted' | 'paused' }[])[0]?.status;
  }

  /** Pauses a job whose worker has died after it was asked to; false where somebody holds the job after all. */
  async pauseAbandoned({ manager, tenant }: TenantScope, { id, attempt }: AttemptRef): Promise<boolean> {
    const [, affected] = await manager.query(
      `update jobs set status = 'paused', pause_requested_at = null, lease_until = null, updated_at = clock_timestamp()
       where tenant_id = $1 and id = $2 and attempt = $3 and status = 'running'
         and pause_requested_at is not null and lease_until < clock_timestamp()`,
      [tenant, id, attempt],
    );
    return affected === 1;
  }

  /**
   * The open jobs below one, at any depth, locked. Parents are older than their children, so that two transactions
   * that lock jobs of one tree lock them in the same order.
   */
  async lockDescendants({ manager, tenant }: TenantScope, id: string): Promise<string[]> {
    const rows: { id: string }[] = await manager.query(
      `with recursive below as (
         select id from jobs where tenant_id = $1 and parent_id = $2
         union all
         select job.id from jobs job join below on job.tenant_id = $1 and job.parent_id = below.id
       )
       select id from jobs where tenant_id = $1 and id in (select id from below) and ended_at is null
       order by created_at, id for update`,
      [tenant, id],
    );
    return rows.map((row) => row.id);
  }

  /**
   * Ends those of these open jobs that no worker holds, and asks the workers of the others to end them.
   * @returns ids of those that have ended
   */
  async requestCancel(scope: TenantScope, ids: readonly string[]): Promise<string[]> {
    const { manager, tenant } = scope;
    const [rows]: [{ id: string; kind: string; ended: boolean }[]] = await manager.query(
      `update jobs set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()), updated_at = now(),
         status = case when status = 'running' then status else 'cancelled' end,
         ended_at = case when status = 'running' then null else clock_timestamp() end
       where tenant_id = $1 and id = any ($2) and ended_at is null
       returning id, kind, ended_at is not null as ended`,
      [tenant, ids],
    );
    const ended = rows.filter((row) => row.ended);
    for (const { id, kind } of ended) await this.addEnded(scope, id, kind, { status: 'cancelled' });
    return ended.map(({ id }) => id);
  }

  /** Pauses an open job that no worker holds, or asks the worker that does to let it go. */
  async requestPause({ manager, tenant }: TenantScope, id: string): Promise<void> {
    await manager.query(
      `update jobs set updated_at = clock_timestamp(),
         status = case when status = 'submitted' then 'paused' else status end,
         pause_requested_at =
           case when status = 'running' then coalesce(pause_requested_at, clock_timestamp()) end
       where tenant_id = $1 and id = $2 and ended_at is null`,
      [tenant, id],
    );
  }

  async setSpec({ manager, tenant }: TenantScope, id: string, spec: object): Promise<void> {
    await manager.update(Job, { tenantId: tenant, id }, { spec, updatedAt: () => 'clock_timestamp()' });
  }

  /** Lets a paused job wait for a worker again, and takes back what was asked of a running one. */
  async resume({ manager, tenant }: TenantScope, id: string): Promise<void> {
    await manager.query(
      `update jobs set updated_at = clock_timestamp(), pause_requested_at = null,
         status = case when status = 'paused' then 'submitted' else status end
       where tenant_id = $1 and id = $2 and ended_at is null`,
      [tenant, id],
    );
  }
}
