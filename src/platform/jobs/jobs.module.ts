import { BullModule, getQueueToken } from '@nestjs/bull';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Queue } from 'bull';
import { RedisConfig } from '../../config/index.js';
import { Artifacts } from '../storage/artifacts.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobEventHints } from './job-event-hints.js';
import { JobEventStreams } from './job-event-streams.js';
import { JOB_FOLDERS } from './job-folders.js';
import type { JobKind, JobRef } from './job-kind.js';
import { JobQueues } from './job-queues.js';
import { JobReconciler } from './job-reconciler.js';
import { JobRunner } from './job-runner.js';
import { Job, JobEvent } from './job.entity.js';
import { JobsRepository } from './jobs.repository.js';
import { JobsService } from './jobs.service.js';

/** A wake-up that finds nothing to claim comes again after 1 s, then 2 s, 4 s … at most 30 s. */
const laterAndLater = (tries: number): number => Math.min(30_000, 1000 * 2 ** Math.min(tries - 1, 5));

@Global()
@Module({
  imports: [
    Artifacts.ownedBy(JOB_FOLDERS),
    TypeOrmModule.forFeature([Job, JobEvent]),
    BullModule.forRootAsync({
      inject: [RedisConfig],
      useFactory: (config: RedisConfig) => ({
        url: config.url,
        prefix: `${config.prefix}:bull`,
        redis: { maxRetriesPerRequest: null, enableReadyCheck: false },
        defaultJobOptions: {
          attempts: Number.MAX_SAFE_INTEGER,
          backoff: { type: 'laterAndLater' },
          stackTraceLimit: 1,
          removeOnComplete: true,
          removeOnFail: true,
        },
        settings: {
          lockDuration: 15_000,
          stalledInterval: 5000,
          maxStalledCount: 1_000_000,
          backoffStrategies: { laterAndLater },
        },
      }),
    }),
  ],
  providers: [
    JobsRepository,
    JobClaimsRepository,
    JobEventHints,
    JobEventStreams,
    JobQueues,
    JobsService,
    JobRunner,
    JobReconciler,
  ],
  exports: [JobClaimsRepository, JobEventHints, JobEventStreams, JobsService, JobRunner, JobQueues],
})
export class JobsModule {}

/** Imported by the module of each kind of job. */
@Module({})
export class JobKindModule {
  static of(kind: JobKind): DynamicModule {
    const registration = {
      provide: `queue of ${kind.name}`,
      inject: [JobQueues, getQueueToken(kind.name)],
      useFactory: (queues: JobQueues, queue: Queue<JobRef>) => queues.register(kind, queue),
    };
    return {
      module: JobKindModule,
      imports: [BullModule.registerQueue({ name: kind.name })],
      providers: [registration],
    };
  }
}
