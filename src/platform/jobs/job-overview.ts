import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { invalid } from '../errors/problem.js';
import { isUuid } from '../http/identifiers.js';
import { decodeCursor, pageOf } from '../http/page.js';
import { toListedJobBody } from './job-body.js';
import type { JobKind } from './job-kind.js';
import { JobKinds } from './job-kinds.js';
import type { JobStatus } from './job.entity.js';
import type { JobPage, ListAllJobsQuery, ListedJobBody, OpenJobsBody } from './jobs.dto.js';
import { jobNotFound } from './jobs.service.js';
import { JobsRepository } from './jobs.repository.js';

/** A tenant's jobs of all kinds. */
@Injectable()
export class JobOverview {
  constructor(
    private readonly database: Database,
    private readonly jobs: JobsRepository,
    private readonly kinds: JobKinds,
  ) {}

  /** @throws Problem 400 for a kind that there is not, or a cursor of another list */
  async list(tenant: string, query: ListAllJobsQuery): Promise<JobPage> {
    const { kind, status, parent_id, cursor, limit } = query;
    const filter = {
      kind: kind === undefined ? undefined : this.known(kind),
      status,
      parentId: parent_id,
      before: decodeCursor(tenant, cursor, isUuid),
      limit: limit + 1,
    };
    const rows = await this.database.asTenant(tenant, (scope) => this.jobs.listAll(scope, filter));
    return pageOf(
      rows,
      limit,
      tenant,
      ({ id }) => id.slice(-36),
      (job) => toListedJobBody(job, this.kinds.find(job.kind)),
    );
  }

  /** How many jobs of each kind a tenant has open. */
  async countOpen(tenant: string): Promise<OpenJobsBody[]> {
    const counts = await this.database.asTenant(tenant, (scope) => this.jobs.countOpenByKind(scope));
    return this.kinds.all.map(({ name }) => {
      const of = (status: JobStatus) =>
        counts.find((count) => count.kind === name && count.status === status)?.jobs ?? 0;
      return { kind: name, running: of('running'), waiting: of('submitted'), paused: of('paused') };
    });
  }

  /** @throws Problem 404 where the tenant has no such job */
  async get(tenant: string, id: string): Promise<ListedJobBody> {
    const isId = /^[a-z]{1,32}-$/.test(id.slice(0, -36)) && isUuid(id.slice(-36));
    const row = isId && (await this.database.asTenant(tenant, (scope) => this.jobs.findOfAnyKind(scope, id)));
    if (!row) throw jobNotFound(id);
    const kind = this.kinds.find(row.kind);
    return { ...toListedJobBody(row, kind), ...(kind && { request: kind.understood(row) }) };
  }

  private known(name: string): JobKind {
    const kind = this.kinds.find(name);
    if (kind) return kind;
    const names = this.kinds.all.map((each) => each.name).sort();
    throw invalid('kind', `must be one of ${names.join(', ')}`);
  }
}
