import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { TaskLease } from '../tasks/task-lease.js';
import { Tasks } from '../tasks/tasks.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobKinds } from './job-kinds.js';

const EVERY_SECONDS = 60;

/** Deletes jobs that ended longer ago than their kind is kept. */
@Injectable()
export class JobRetention implements OnApplicationBootstrap {
  constructor(
    private readonly kinds: JobKinds,
    private readonly claims: JobClaimsRepository,
    private readonly tasks: Tasks,
  ) {}

  onApplicationBootstrap(): void {
    this.tasks.every('job-retention', { seconds: EVERY_SECONDS }, (lease) => this.deleteOld(lease));
  }

  /** @returns how many jobs were deleted */
  async deleteOld(lease?: TaskLease): Promise<number> {
    let total = 0;
    for (const kind of this.kinds.all) {
      const { keptSeconds } = this.kinds.limitsOf(kind);
      for (let deleted = 1; deleted > 0; total += deleted) {
        lease?.refuseLost();
        deleted = await this.claims.deleteEnded(kind.name, keptSeconds);
      }
    }
    return total;
  }
}
