import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { JobsConfig } from '../../config/index.js';
import { Database, type TenantScope } from '../database/database.js';
import { AppLogger } from '../observability/logger.js';
import type { TaskLease } from '../tasks/task-lease.js';
import { Tasks } from '../tasks/tasks.js';
import { type AbandonedJob, JobClaimsRepository } from './job-claims.repository.js';
import { closingEvents, JobEventsRepository } from './job-events.repository.js';
import { JobKinds } from './job-kinds.js';
import { JobQueues } from './job-queues.js';
import { JobTrees } from './job-trees.js';
import { JobsRepository } from './jobs.repository.js';

/** Wakes a worker for rows that the queue forgot, and ends or pauses rows whose worker died and that nobody may claim. */
@Injectable()
export class JobReconciler implements OnApplicationBootstrap {
  constructor(
    private readonly config: JobsConfig,
    private readonly database: Database,
    private readonly kinds: JobKinds,
    private readonly claims: JobClaimsRepository,
    private readonly jobs: JobsRepository,
    private readonly events: JobEventsRepository,
    private readonly trees: JobTrees,
    private readonly queues: JobQueues,
    private readonly tasks: Tasks,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    const { reconcileSeconds: seconds } = this.config;
    this.tasks.every('job-reconciliation', { seconds }, (lease) => this.reconcile(lease));
  }

  async reconcile(lease?: TaskLease): Promise<void> {
    for (const { name } of this.kinds.all) {
      lease?.refuseLost();
      for (const job of await this.claims.abandoned(name, this.config.maxAttempts)) await this.letGo(job);
      for (const job of await this.claims.waiting(name, 1000)) this.queues.wake(name, job);
    }
  }

  private async letGo(job: AbandonedJob): Promise<void> {
    const { tenant, id, because } = job;
    const isDone = await this.database.asTenant(tenant, (scope) =>
      because === 'pause' ? this.jobs.pauseAbandoned(scope, job) : this.end(scope, job),
    );
    if (isDone) this.logger.info('abandoned job let go', { job_id: id, tenant, because });
  }

  private async end(scope: TenantScope, job: AbandonedJob): Promise<boolean> {
    const ending =
      job.because === 'cancel'
        ? ({ status: 'cancelled' } as const)
        : ({
            status: 'failed',
            errorCode: 'WORKER_LOST',
            errorMessage: `The job's worker died ${this.config.maxAttempts} times while it ran.`,
          } as const);
    if (!(await this.jobs.endAbandoned(scope, job, ending))) return false;
    for (const event of closingEvents(ending)) await this.events.addLast(scope, [job.id], event);
    await this.trees.cancelBelow(scope, job.id);
    return true;
  }
}
