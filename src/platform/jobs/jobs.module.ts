import { BullModule, getQueueToken } from '@nestjs/bull';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Queue } from 'bull';
import { RedisConfig } from '../../config/index.js';
import { Artifacts } from '../storage/artifacts.js';
import { AttemptEndings } from './attempt-endings.js';
import { AttemptFiles } from './attempt-files.js';
import { AttemptRunner } from './attempt-runner.js';
import { JobClaimsRepository } from './job-claims.repository.js';
import { JobEventHints } from './job-event-hints.js';
import { JobEventStreams } from './job-event-streams.js';
import { JobEventsRepository } from './job-events.repository.js';
import { JOB_FOLDERS } from './job-folders.js';
import { JobHandlers } from './job-handlers.js';
import type { JobKind, JobRef } from './job-kind.js';
import { JobKinds } from './job-kinds.js';
import { JobMetrics } from './job-metrics.js';
import { JobOverview } from './job-overview.js';
import { JobQueues } from './job-queues.js';
import { JobReconciler } from './job-reconciler.js';
import { JobReruns } from './job-reruns.js';
import { JobRetention } from './job-retention.js';
import { JobRunner } from './job-runner.js';
import { JobTrees } from './job-trees.js';
import { Job, JobEvent } from './job.entity.js';
import { JobsController } from './jobs.controller.js';
import { JobsRepository } from './jobs.repository.js';
import { JobsService } from './jobs.service.js';

/** A wake-up that finds nothing to claim comes again after 1 s, then 2 s, 4 s … at most 30 s. */
const laterAndLater = (tries: number): number => Math.min(30_000, 1000 * 2 ** Math.min(tries - 1, 5));

@Global()
@Module({
  imports: [
    Artifacts.ownedBy(JOB_FOLDERS),
    DiscoveryModule,
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
  controllers: [JobsController],
  providers: [
    AttemptEndings,
    AttemptFiles,
    AttemptRunner,
    JobClaimsRepository,
    JobEventHints,
    JobEventStreams,
    JobEventsRepository,
    JobHandlers,
    JobKinds,
    JobMetrics,
    JobOverview,
    JobQueues,
    JobReconciler,
    JobReruns,
    JobRetention,
    JobRunner,
    JobTrees,
    JobsRepository,
    JobsService,
  ],
  exports: [
    AttemptFiles,
    JobClaimsRepository,
    JobEventHints,
    JobEventStreams,
    JobKinds,
    JobOverview,
    JobQueues,
    JobReruns,
    JobsService,
  ],
})
export class JobsModule {}

/** Declares a kind: the module that does its work imports this and provides the one handler, marked by `@Handles`. */
@Module({})
export class JobKindModule {
  static of(kind: JobKind): DynamicModule {
    const registration = {
      provide: `kind ${kind.name}`,
      inject: [JobKinds, JobQueues, getQueueToken(kind.name)],
      useFactory: (kinds: JobKinds, queues: JobQueues, queue: Queue<JobRef>) => {
        kinds.register(kind);
        queues.register(kind, queue);
      },
    };
    return {
      module: JobKindModule,
      imports: [BullModule.registerQueue({ name: kind.name })],
      providers: [registration],
    };
  }
}
