import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { RuntimeConfig } from '../../config/index.js';
import { Schedule } from '../schedule/schedule.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobKinds } from './job-kinds.js';

const EVERY_MS = 60_000;

/** Deletes jobs that ended longer ago than their kind is kept. */
@Injectable()
export class JobRetention implements OnApplicationBootstrap {
  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly kinds: JobKinds,
    private readonly claims: JobClaimsRepository,
    private readonly schedule: Schedule,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.runtime.runsWorker) return;
    this.schedule.every(EVERY_MS, 'old jobs could not be deleted', () => this.deleteOld());
  }

  /** @returns how many jobs were deleted */
  async deleteOld(): Promise<number> {
    let total = 0;
    for (const kind of this.kinds.all) {
      const { keptSeconds } = this.kinds.limitsOf(kind);
      for (let deleted = 1; deleted > 0; total += deleted)
        deleted = await this.claims.deleteEnded(kind.name, keptSeconds);
    }
    return total;
  }
}
