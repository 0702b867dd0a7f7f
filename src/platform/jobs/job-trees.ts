import { Injectable } from '@nestjs/common';
import type { TenantScope } from '../database/database.js';
import { JobEventsRepository } from './job-events.repository.js';
import { JobsRepository } from './jobs.repository.js';

const CANCELLED = { type: 'cancelled', data: { status: 'cancelled' } };

/** Cancels jobs with all that they submitted, at any depth. */
@Injectable()
export class JobTrees {
  constructor(
    private readonly jobs: JobsRepository,
    private readonly events: JobEventsRepository,
  ) {}

  /** Cancels an open job, whose row the caller has locked, and what is open below it. */
  async cancel(scope: TenantScope, id: string): Promise<void> {
    await this.cancelAll(scope, [id, ...(await this.jobs.lockDescendants(scope, id))]);
  }

  /** Cancels what is open below a job, whose row the caller has locked or ended. */
  async cancelBelow(scope: TenantScope, id: string): Promise<void> {
    await this.cancelAll(scope, await this.jobs.lockDescendants(scope, id));
  }

  private async cancelAll(scope: TenantScope, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const ended = await this.jobs.requestCancel(scope, ids);
    if (ended.length > 0) await this.events.addLast(scope, ended, CANCELLED);
  }
}
