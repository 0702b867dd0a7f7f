import { Injectable } from '@nestjs/common';
import { JobsConfig } from '../../config/index.js';
import type { Identity } from '../auth/identity.js';
import { Database, type TenantScope } from '../database/database.js';
import { Problem } from '../errors/problem.js';
import { isUuid, newId } from '../http/identifiers.js';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../http/page.js';
import { AppLogger } from '../observability/logger.js';
import { currentContext } from '../observability/request-context.js';
import { formatTraceParent } from '../observability/trace-context.js';
import { TenantStorage } from '../storage/tenant-storage.js';
import type { Job, JobStatus } from './job.entity.js';
import { JobEventsRepository } from './job-events.repository.js';
import type { AttemptRef, JobKind } from './job-kind.js';
import { JobQueues } from './job-queues.js';
import { UnreadableSpec } from './job-spec.js';
import { JobTrees } from './job-trees.js';
import { JobsRepository } from './jobs.repository.js';
import type { LogLine } from './jobs.dto.js';

export interface Submission<Spec> {
  spec: Spec;
  /** The body of the caller, which a rerun changes and submits again. */
  request?: object;
  /** The job that is submitted again. */
  rerunOf?: string;
  /** Who asks for it. */
  by: Pick<Identity, 'subject' | 'apiKey'>;
  /** Name of the engine that runs it; by default `local`. */
  engine?: string;
  warnings?: string[];
  /** The attempt that submits it; the job is cancelled when the attempt's job is cancelled or fails. */
  parent?: AttemptRef;
}

const OPEN = ['submitted', 'running', 'paused'] as const;

/** What a tenant can do with its jobs, whatever their kind. */
@Injectable()
export class JobsService {
  constructor(
    private readonly database: Database,
    private readonly jobs: JobsRepository,
    private readonly events: JobEventsRepository,
    private readonly trees: JobTrees,
    private readonly queues: JobQueues,
    private readonly storage: TenantStorage,
    private readonly config: JobsConfig,
    private readonly logger: AppLogger,
  ) {}

  /**
   * Writes the row, then wakes a worker.
   * @throws Problem 507 where the job would write and the tenant has no room, 429 past the tenant's limit of open jobs, 409 where the parent has ended, shall be cancelled or is
   *   run by another attempt by now
   */
  async submit<Spec extends object, Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Spec, Progress, Result, Summary>,
    { parent, spec, by, engine = 'local', ...submission }: Submission<Spec>,
  ): Promise<Job<Spec, Progress, Result>> {
    if (kind.writes) await this.storage.refuseFull(tenant);
    const { cpus, memoryBytes } = kind.needs(spec);
    const job = await this.database.asTenant(tenant, async (scope) => {
      const { open, submitted } = await this.jobs.countOpen(scope, kind.name);
      this.refusePastLimit(kind.name, open);
      if (parent) await this.refuseParent(scope, parent);
      const trace = currentContext()?.trace;
      const row = await this.jobs.insert(scope, {
        ...submission,
        spec,
        submittedBy: by.subject,
        apiKey: by.apiKey ?? null,
        engine,
        id: `${kind.prefix}-${newId()}`,
        kind: kind.name,
        parentId: parent?.id ?? null,
        needsCpus: cpus ?? null,
        needsMemoryBytes: memoryBytes ?? null,
        traceParent: trace && formatTraceParent(trace),
      });
      return { ...row, queuePosition: submitted + 1 };
    });
    const { id, attempt } = job;
    this.database.afterCommit(() => this.queues.wake(kind.name, { tenant, id, attempt }));
    return kind.read(job);
  }

  /** @throws Problem 404 where the tenant has no such job of this kind */
  async get<Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Summary, Progress, Result, Summary>,
    id: string,
  ): Promise<Job<Summary, Progress, Result>> {
    return kind.readSummary(await this.find(tenant, kind, id));
  }

  /**
   * A job with its whole spec, as the worker that ran it read it.
   * @throws Problem 404 where the tenant has no such job of this kind
   */
  async getWithSpec<Spec extends object, Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Spec, Progress, Result, Summary>,
    id: string,
  ): Promise<Job<Spec, Progress, Result>> {
    return kind.read(await this.find(tenant, kind as unknown as JobKind, id));
  }

  /**
   * A job together with its request as it was understood.
   * @throws Problem 404 where the tenant has no such job of this kind
   */
  async getWithRequest<Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Summary, Progress, Result, Summary>,
    id: string,
  ): Promise<{ job: Job<Summary, Progress, Result>; request: object | null }> {
    const row = await this.find(tenant, kind, id);
    return { job: kind.readSummary(row), request: kind.understood(row) };
  }

  /**
   * The body that a job was submitted with.
   * @throws Problem 404 where the tenant has no such job of this kind, 409 where another job submitted it
   */
  async submittedBody(tenant: string, kind: JobKind, id: string): Promise<object> {
    const { request } = await this.find(tenant, kind, id);
    if (request) return request;
    throw new Problem('JOB_STATE_CONFLICT', `The job ${id} was submitted by another job; rerun that one.`);
  }

  /** The newest job of a kind in one of these states, whole; `where` compares texts of the spec. */
  async newest<Spec extends object, Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Spec, Progress, Result, Summary>,
    status: readonly JobStatus[],
    where: { [field in keyof Summary]?: string },
  ): Promise<Job<Spec, Progress, Result> | null> {
    return this.database.asTenant(tenant, async (scope) => {
      const filter = { status, where: withoutUndefined(where), limit: 1 };
      const [newest] = await this.jobs.list(scope, kind, filter);
      const row = newest && (await this.jobs.find(scope, kind.name, newest.id));
      return row ? kind.read(row) : null;
    });
  }

  /** @throws Problem 404 where the tenant has no such job of this kind */
  async refuseUnknown(tenant: string, kind: JobKind, id: string): Promise<void> {
    await this.find(tenant, kind, id);
  }

  /** Jobs of one kind, newest first; `where` compares texts of the spec. */
  async list<Progress, Result, Summary extends object, T>(
    tenant: string,
    kind: JobKind<Summary, Progress, Result, Summary>,
    query: PageQuery & { status?: JobStatus },
    toItem: (job: Job<Summary, Progress, Result>) => T,
    where: { [field in keyof Summary]?: string } = {},
  ): Promise<Page<T>> {
    const before = decodeCursor(tenant, query.cursor, (key) => isJobId(kind, key));
    const rows = await this.database.asTenant(tenant, (scope) =>
      this.jobs.list(scope, kind, {
        status: query.status && [query.status],
        where: withoutUndefined(where),
        before,
        limit: query.limit + 1,
      }),
    );
    const { data, page } = pageOf(
      rows,
      query.limit,
      tenant,
      ({ id }) => id,
      (row) => row,
    );
    return { data: data.flatMap((row) => this.shown(kind, row, toItem)), page };
  }

  /** All jobs of a kind that have not ended, newest first, as one statement sees them. */
  async open<Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Summary, Progress, Result, Summary>,
  ): Promise<Job<Summary, Progress, Result>[]> {
    const filter = { status: OPEN, limit: 2 ** 31 - 1 };
    const rows = await this.database.asTenant(tenant, (scope) => this.jobs.list(scope, kind, filter));
    return rows.flatMap((row) => this.shown(kind, row, (job) => job));
  }

  /**
   * A waiting job ends at once; a running one as soon as its worker hears of it, within a heartbeat. The jobs that it
   * submitted are cancelled with it.
   * @throws Problem 404, or 409 where the job has ended
   */
  cancel<Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Summary, Progress, Result, Summary>,
    id: string,
  ): Promise<Job<Summary, Progress, Result>> {
    return this.change(tenant, kind, id, (scope) => this.trees.cancel(scope, id));
  }

  /**
   * A waiting job is paused at once; a running one as soon as its worker has heard of it and let it go. The job keeps
   * what it has; jobs that it submitted go on.
   * @throws Problem 404, or 409 where the job has ended or cannot be paused
   */
  pause<Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Summary, Progress, Result, Summary>,
    id: string,
  ): Promise<Job<Summary, Progress, Result>> {
    return this.change(tenant, kind, id, (scope, job) => {
      if (!kind.canPause)
        throw new Problem('JOB_STATE_CONFLICT', `Jobs of the kind ${kind.name} cannot be paused.`);
      if (job.cancelRequestedAt)
        throw new Problem('JOB_STATE_CONFLICT', 'The job is being cancelled: it cannot be paused any more.');
      return this.jobs.requestPause(scope, id);
    });
  }

  /**
   * Lets a paused job wait for a worker again.
   * @throws Problem 404, or 409 where the job has ended or is not paused
   */
  async resume<Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Summary, Progress, Result, Summary>,
    id: string,
  ): Promise<Job<Summary, Progress, Result>> {
    const job = await this.change(tenant, kind, id, (scope, before) => {
      if (before.status !== 'paused' && !before.pauseRequestedAt)
        throw new Problem('JOB_STATE_CONFLICT', `The job is not paused: its status is ${before.status}.`);
      return this.jobs.resume(scope, id);
    });
    // An earlier wake-up of this attempt may still be in the queue, to come up in half a minute.
    const { attempt } = job;
    if (job.status === 'submitted')
      this.database.afterCommit(() =>
        this.queues.wake(kind.name, { tenant, id, attempt }, `${id}-${attempt}-resumed-${newId()}`),
      );
    return job;
  }

  /**
   * Gives a job that has not ended another spec; an attempt that runs has to hear of it otherwise, and `commit` sees it.
   * @throws Problem 404, or 409 where the job has ended or shall be cancelled
   */
  amend<Summary extends object, Spec extends Summary, Progress, Result>(
    tenant: string,
    kind: JobKind<Spec, Progress, Result, Summary>,
    id: string,
    amended: (spec: Spec) => Spec,
  ): Promise<Job<Summary, Progress, Result>> {
    return this.change<Progress, Result, Summary>(tenant, kind, id, (scope, before) => {
      if (before.cancelRequestedAt)
        throw new Problem('JOB_STATE_CONFLICT', 'The job is being cancelled: it takes no further work.');
      return this.jobs.setSpec(scope, id, amended(kind.read(before).spec));
    });
  }

  /** The job's log, oldest line first. */
  async logs(tenant: string, kind: JobKind, id: string, query: PageQuery): Promise<Page<LogLine>> {
    refuseForeignId(kind, id);
    const position = decodeCursor(tenant, query.cursor, (key) => /^\d{1,9}:\d{1,9}$/.test(key)) ?? '0:0';
    const [attempt = 0, seq = 0] = position.split(':').map(Number);
    const rows = await this.database.asTenant(tenant, async (scope) => {
      if (!(await this.jobs.find(scope, kind.name, id))) throw jobNotFound(id);
      return this.events.list(scope, id, { attempt, seq }, query.limit + 1, 'log');
    });
    return pageOf(
      rows,
      query.limit,
      tenant,
      ({ attempt, seq }) => `${attempt}:${seq}`,
      ({ createdAt, attempt, data }) => ({
        time: createdAt.toISOString(),
        attempt,
        level: String(data.level),
        message: String(data.message),
      }),
    );
  }

  private async find(tenant: string, kind: JobKind, id: string): Promise<Job> {
    refuseForeignId(kind, id);
    const job = await this.database.asTenant(tenant, (scope) => this.jobs.find(scope, kind.name, id));
    if (!job) throw jobNotFound(id);
    return job;
  }

  /** Changes an open job under its lock. @returns the job as it then is */
  private async change<Progress, Result, Summary extends object>(
    tenant: string,
    kind: JobKind<Summary, Progress, Result, Summary>,
    id: string,
    work: (scope: TenantScope, before: Job) => Promise<void>,
  ): Promise<Job<Summary, Progress, Result>> {
    refuseForeignId(kind, id);
    return this.database.asTenant(tenant, async (scope) => {
      const before = await this.jobs.lock(scope, id);
      if (!before || before.kind !== kind.name) throw jobNotFound(id);
      if (before.endedAt)
        throw new Problem('JOB_ENDED', `The job has ended: its status is ${before.status}.`);
      await work(scope, before);
      return kind.readSummary((await this.jobs.find(scope, kind.name, id)) as Job);
    });
  }

  /** Nothing for a row that this release cannot read: one such row must not make the others unreadable. */
  private shown<Progress, Result, Summary extends object, T>(
    kind: JobKind<Summary, Progress, Result, Summary>,
    row: Job,
    toItem: (job: Job<Summary, Progress, Result>) => T,
  ): T[] {
    try {
      return [toItem(kind.readSummary(row))];
    } catch (error) {
      if (!(error instanceof UnreadableSpec)) throw error;
      this.logger.failure('job left out of a list', error, { job_id: row.id });
      return [];
    }
  }

  private refusePastLimit(kind: string, open: number): void {
    if (open < this.config.openPerTenant) return;
    throw new Problem(
      'RATE_LIMITED',
      `${open} ${kind} jobs are waiting or running; at most ${this.config.openPerTenant} may.`,
      { headers: { 'Retry-After': '60' } },
    );
  }

  /** Locks the parent, so that it cannot be cancelled before the child is there to be cancelled with it. */
  private async refuseParent(scope: TenantScope, { id, attempt }: AttemptRef): Promise<void> {
    const parent = await this.jobs.lock(scope, id);
    if (!parent) throw jobNotFound(id);
    if (parent.endedAt || parent.cancelRequestedAt || parent.attempt !== attempt)
      throw new Problem(
        'JOB_STATE_CONFLICT',
        `The job ${id} submits no further jobs: it ends, or has ended.`,
      );
  }
}

export function jobNotFound(id: string): Problem {
  return new Problem('JOB_NOT_FOUND', `There is no job ${id}.`);
}

function refuseForeignId(kind: JobKind, id: string): void {
  if (!isJobId(kind, id)) throw jobNotFound(id);
}

function isJobId({ prefix }: JobKind, text: string): boolean {
  return text.startsWith(`${prefix}-`) && isUuid(text.slice(prefix.length + 1));
}

function withoutUndefined(where: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(where).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
