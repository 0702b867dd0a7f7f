import { Injectable, type OnModuleInit } from '@nestjs/common';
import type pg from 'pg';
import type { DataSource } from 'typeorm';
import { Database } from '../database/database.js';
import { JobClaimsRepository, type JobCount } from '../jobs/job-claims.repository.js';
import { isReachable, JobQueues } from '../jobs/job-queues.js';
import { Metrics, type Sample } from '../observability/metrics.js';
import { TasksRepository } from '../tasks/tasks.repository.js';
import { reportEventLoopDelay } from './event-loop-delay.js';

/** Jobs are counted by reading an index of all of them. */
const JOB_COUNT_AGE_MS = 10_000;

/** What the parts say that every process stands on: event loop, queues, jobs, tasks, database connections. */
@Injectable()
export class ServiceMetrics implements OnModuleInit {
  private counted: { at: number; jobs: Promise<JobCount[]> } = { at: -Infinity, jobs: Promise.resolve([]) };

  constructor(
    private readonly metrics: Metrics,
    private readonly database: Database,
    private readonly queues: JobQueues,
    private readonly claims: JobClaimsRepository,
    private readonly tasks: TasksRepository,
  ) {}

  onModuleInit(): void {
    reportEventLoopDelay(this.metrics);
    this.metrics.gauge(
      'modelplane_queue_wakeups',
      'Wake-ups in the queue of a kind of job: those that wait, are handled, or come again later.',
      ['queue', 'state'],
      () => this.queueSamples(),
      'first',
    );
    this.metrics.gauge(
      'modelplane_jobs',
      'Jobs of all tenants by status.',
      ['kind', 'status'],
      () => this.jobSamples(),
      'first',
    );
    this.metrics.gauge(
      'modelplane_task_last_success_timestamp_seconds',
      'When what one process does for all was last done, in Unix time; 0 where it never was.',
      ['task'],
      () => this.taskSamples(),
      'first',
    );
    this.metrics.gauge(
      'modelplane_database_connections',
      'Connections to PostgreSQL by what they do.',
      ['pool', 'state'],
      () => [...poolSamples('tenant', this.database.tenants), ...poolSamples('system', this.database.system)],
    );
    this.metrics.gauge(
      'modelplane_database_waiting_requests',
      'Pieces of work that wait for a connection.',
      ['pool'],
      () => [
        { labels: { pool: 'tenant' }, value: poolOf(this.database.tenants).waitingCount },
        { labels: { pool: 'system' }, value: poolOf(this.database.system).waitingCount },
      ],
    );
  }

  private async queueSamples(): Promise<Sample<'queue' | 'state'>[]> {
    // ioredis would keep the questions of an outage in memory.
    const reachable = [...this.queues.all].filter(([, queue]) => isReachable(queue));
    const samples = reachable.map(async ([name, queue]) => {
      const { waiting, active, delayed } = await queue.getJobCounts();
      return Object.entries({ waiting, active, delayed }).map(([state, value]) => ({
        labels: { queue: name, state },
        value,
      }));
    });
    return (await Promise.all(samples)).flat();
  }

  private async taskSamples(): Promise<Sample<'task'>[]> {
    const tasks = await this.tasks.lastSuccesses();
    return tasks.map(({ name, seconds }) => ({ labels: { task: name }, value: seconds }));
  }

  private async jobSamples(): Promise<Sample<'kind' | 'status'>[]> {
    if (performance.now() - this.counted.at > JOB_COUNT_AGE_MS) {
      const jobs = this.claims.counts();
      this.counted = { at: performance.now(), jobs };
      jobs.catch(() => (this.counted.at = -Infinity));
    }
    const jobs = await this.counted.jobs;
    return jobs.map(({ kind, status, count }) => ({ labels: { kind, status }, value: count }));
  }
}

function poolSamples(pool: string, source: DataSource): Sample<'pool' | 'state'>[] {
  const { totalCount, idleCount } = poolOf(source);
  return [
    { labels: { pool, state: 'busy' }, value: totalCount - idleCount },
    { labels: { pool, state: 'idle' }, value: idleCount },
  ];
}

function poolOf(source: DataSource): pg.Pool {
  return (source.driver as unknown as { master: pg.Pool }).master;
}
