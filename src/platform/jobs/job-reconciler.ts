import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { JobsConfig } from '../../config/index.js';
import { Database } from '../database/database.js';
import { AppLogger } from '../observability/logger.js';
import type { TaskLease } from '../tasks/task-lease.js';
import { Tasks } from '../tasks/tasks.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobQueues } from './job-queues.js';
import { JobsRepository } from './jobs.repository.js';

/** Wakes rows that the queue forgot, and ends rows whose worker died and that nobody may claim again. */
@Injectable()
export class JobReconciler implements OnApplicationBootstrap {
  constructor(
    private readonly config: JobsConfig,
    private readonly database: Database,
    private readonly claims: JobClaimsRepository,
    private readonly jobs: JobsRepository,
    private readonly queues: JobQueues,
    private readonly tasks: Tasks,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    const { reconcileSeconds: seconds } = this.config;
    this.tasks.every('job-reconciliation', { seconds }, (lease) => this.reconcile(lease));
  }

  async reconcile(lease?: TaskLease): Promise<void> {
    for (const kind of this.queues.all.keys()) {
      lease?.refuseLost();
      for (const { tenant, id, attempt, cancelled } of await this.claims.abandoned(
        kind,
        this.config.maxAttempts,
      )) {
        const ended = await this.database.asTenant(tenant, (scope) =>
          this.jobs.endAbandoned(
            scope,
            id,
            attempt,
            cancelled
              ? { status: 'cancelled' }
              : {
                  status: 'failed',
                  errorCode: 'WORKER_LOST',
                  errorMessage: `The job's worker died ${this.config.maxAttempts} times while it ran.`,
                },
          ),
        );
        if (ended) this.logger.info('abandoned job ended', { job_id: id, tenant, cancelled });
      }
      for (const ref of await this.claims.waiting(kind, 1000)) this.queues.wake(kind, ref);
    }
  }
}
