import { Inject, Injectable } from '@nestjs/common';
import type { JobCounts } from 'bull';
import { ObjectNotFound, type ObjectStore } from '#libs/object-store';
import { VERSION } from '../../config/project.js';
import { Database } from '../database/database.js';
import { isReachable, JobQueues } from '../jobs/job-queues.js';
import { withinTime } from '../observability/within-time.js';
import { DiskSpace } from '../storage/disk-space.js';
import { PLATFORM_BUCKET } from '../storage/grants.js';
import { OBJECT_STORE } from '../storage/object-store.token.js';
import type { HealthBody, QueueBody } from './health.dto.js';

const TIMEOUT_MS = 2000;

/** Asks every part that the service stands on whether it answers. */
@Injectable()
export class HealthService {
  constructor(
    private readonly database: Database,
    private readonly queues: JobQueues,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly disk: DiskSpace,
  ) {}

  async check(): Promise<HealthBody> {
    const queues = [...this.queues.all.entries()];
    const [free, isShort, database, objectStore, ...counts] = await Promise.all([
      orNull(this.disk.freeBytes()),
      orNull(this.disk.isShort()),
      answers(this.database.system.query('select 1')),
      answers(this.askObjectStore()),
      ...queues.map(([, queue]) =>
        isReachable(queue) ? orNull(queue.getJobCounts().then(toQueueBody)) : null,
      ),
    ]);
    const redis = counts.every((count) => count !== null);
    const parts = { database, redis, object_store: objectStore };
    const down = Object.entries(parts).flatMap(([name, isUp]) => (isUp ? [] : [name]));
    const degraded = isShort ? ['disk'] : [];
    return {
      status: down.length > 0 ? 'unhealthy' : degraded.length > 0 ? 'degraded' : 'healthy',
      version: VERSION,
      worker_pid: process.pid,
      memory_usage_mb: Math.round((process.memoryUsage.rss() / 2 ** 20) * 10) / 10,
      ...parts,
      queues: Object.fromEntries(queues.map(([name], at) => [name, counts[at] ?? null])),
      disk_free_bytes: free,
      down,
      degraded,
    };
  }

  /** That there is no such object is an answer too. */
  private async askObjectStore(): Promise<void> {
    await this.store.head({ bucket: PLATFORM_BUCKET, key: 'healthcheck' }).catch((error: unknown) => {
      if (!(error instanceof ObjectNotFound)) throw error;
    });
  }
}

function toQueueBody({ waiting, active, delayed }: JobCounts): QueueBody {
  return { waiting, active, delayed };
}

async function answers(work: Promise<unknown>): Promise<boolean> {
  return (await orNull(work)) !== null;
}

/** The result, or null where it failed or took too long. */
function orNull<T>(work: Promise<T>): Promise<T | null> {
  return withinTime(work, TIMEOUT_MS).catch(() => null);
}
