import { Injectable } from '@nestjs/common';
import type { JobCounts } from 'bull';
import { VERSION } from '../../config/project.js';
import { Database } from '../database/database.js';
import { isReachable, JobQueues } from '../jobs/job-queues.js';
import type { HealthBody, QueueBody } from './health.dto.js';

const TIMEOUT_MS = 2000;

/** Asks every part that the service stands on whether it answers. */
@Injectable()
export class HealthService {
  constructor(
    private readonly database: Database,
    private readonly queues: JobQueues,
  ) {}

  async check(): Promise<HealthBody> {
    const queues = [...this.queues.all.entries()];
    const [database, ...counts] = await Promise.all([
      answers(this.database.system.query('select 1')),
      ...queues.map(([, queue]) =>
        isReachable(queue) ? withinTime(queue.getJobCounts().then(toQueueBody)) : null,
      ),
    ]);
    const redis = counts.every((count) => count !== null);
    const down = [...(database ? [] : ['database']), ...(redis ? [] : ['redis'])];
    return {
      status: down.length === 0 ? 'healthy' : 'unhealthy',
      version: VERSION,
      worker_pid: process.pid,
      memory_usage_mb: Math.round((process.memoryUsage.rss() / 2 ** 20) * 10) / 10,
      database,
      redis,
      queues: Object.fromEntries(queues.map(([name], at) => [name, counts[at] ?? null])),
      down,
    };
  }
}

function toQueueBody({ waiting, active, delayed }: JobCounts): QueueBody {
  return { waiting, active, delayed };
}

async function answers(work: Promise<unknown>): Promise<boolean> {
  return (await withinTime(work)) !== null;
}

/** The result, or null where it failed or took too long. */
async function withinTime<T>(work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, TIMEOUT_MS, null);
  });
  return Promise.race([work.catch(() => null), late]).finally(() => clearTimeout(timer));
}
