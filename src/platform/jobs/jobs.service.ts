import { Injectable } from '@nestjs/common';
import { JobsConfig } from '../../config/index.js';
import { Database, type TenantScope } from '../database/database.js';
import { Problem } from '../errors/problem.js';
import { isUuid, newId } from '../http/identifiers.js';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../http/page.js';
import { currentContext } from '../observability/request-context.js';
import { formatTraceParent } from '../observability/trace-context.js';
import type { Job, JobStatus } from './job.entity.js';
import type { JobKind } from './job-kind.js';
import { JobQueues } from './job-queues.js';
import { JobsRepository } from './jobs.repository.js';
import type { LogLine } from './jobs.dto.js';

export interface Submission {
  spec: Record<string, unknown>;
  submittedBy: string;
  engine: string;
  warnings?: string[];
}

/** What a tenant can do with its jobs, whatever their kind. */
@Injectable()
export class JobsService {
  constructor(
    private readonly database: Database,
    private readonly jobs: JobsRepository,
    private readonly queues: JobQueues,
    private readonly config: JobsConfig,
  ) {}

  /**
   * Writes the row, then wakes a worker.
   * @throws Problem 429 past the tenant's limit of open jobs
   */
  async submit(tenant: string, kind: JobKind, submission: Submission): Promise<Job> {
    const job = await this.database.asTenant(tenant, async (scope) => {
      await this.refusePastLimit(scope, kind);
      const trace = currentContext()?.trace;
      return this.jobs.insert(scope, {
        ...submission,
        id: `${kind.prefix}-${newId()}`,
        kind: kind.name,
        traceParent: trace && formatTraceParent(trace),
      });
    });
    const { id, attempt } = job;
    this.database.afterCommit(() => this.queues.wake(kind.name, { tenant, id, attempt }));
    return job;
  }

  /** @throws Problem 404 where the tenant has no such job of this kind */
  async get(tenant: string, kind: JobKind, id: string): Promise<Job> {
    refuseForeignId(kind, id);
    const job = await this.database.asTenant(tenant, (scope) => this.jobs.find(scope, kind.name, id));
    if (!job) throw notFound(id);
    return job;
  }

  async list<T>(
    tenant: string,
    kind: JobKind,
    query: PageQuery & { status?: JobStatus; model_name?: string },
    toItem: (job: Job) => T,
  ): Promise<Page<T>> {
    const before = decodeCursor(tenant, query.cursor, (key) => isJobId(kind, key));
    const rows = await this.database.asTenant(tenant, (scope) =>
      this.jobs.list(scope, {
        kind: kind.name,
        status: query.status,
        modelName: query.model_name,
        before,
        limit: query.limit + 1,
      }),
    );
    return pageOf(rows, query.limit, tenant, (job) => job.id, toItem);
  }

  /**
   * A waiting job ends at once; a running one as soon as its worker hears of it, within a heartbeat.
   * @throws Problem 404, or 409 where the job has ended
   */
  async cancel(tenant: string, kind: JobKind, id: string): Promise<Job> {
    refuseForeignId(kind, id);
    return this.database.asTenant(tenant, async (scope) => {
      const before = await this.jobs.lock(scope, id);
      if (!before || before.kind !== kind.name) throw notFound(id);
      if (before.endedAt)
        throw new Problem('JOB_ENDED', `The job has ended: its status is ${before.status}.`);
      const job = (await this.jobs.requestCancel(scope, kind.name, id)) as Job;
      if (job.endedAt)
        await this.jobs.addLastEvent(scope, job, { type: job.status, data: { status: job.status } });
      return job;
    });
  }

  /** The job's log, oldest line first. */
  async logs(tenant: string, kind: JobKind, id: string, query: PageQuery): Promise<Page<LogLine>> {
    refuseForeignId(kind, id);
    const position = decodeCursor(tenant, query.cursor, (key) => /^\d{1,9}:\d{1,9}$/.test(key)) ?? '0:0';
    const [attempt = 0, seq = 0] = position.split(':').map(Number);
    const rows = await this.database.asTenant(tenant, async (scope) => {
      if (!(await this.jobs.find(scope, kind.name, id))) throw notFound(id);
      return this.jobs.events(scope, id, { attempt, seq }, query.limit + 1, 'log');
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

  private async refusePastLimit(scope: TenantScope, kind: JobKind): Promise<void> {
    const open = await this.jobs.countOpen(scope, kind.name);
    if (open < this.config.openPerTenant) return;
    throw new Problem(
      'RATE_LIMITED',
      `${open} ${kind.name} jobs are waiting or running; at most ${this.config.openPerTenant} may.`,
      {
        headers: { 'Retry-After': '60' },
      },
    );
  }
}

function notFound(id: string): Problem {
  return new Problem('JOB_NOT_FOUND', `There is no job ${id}.`);
}

function refuseForeignId(kind: JobKind, id: string): void {
  if (!isJobId(kind, id)) throw notFound(id);
}

function isJobId({ prefix }: JobKind, text: string): boolean {
  return text.startsWith(`${prefix}-`) && isUuid(text.slice(prefix.length + 1));
}
