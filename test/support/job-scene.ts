import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Injectable, Module } from '@nestjs/common';
import { IsInt, IsOptional, IsString } from 'class-validator';
import type { JobAttempt } from '../../src/platform/jobs/job-attempt.js';
import { toJobBody } from '../../src/platform/jobs/job-body.js';
import { Handles, type JobHandler, type Outcome } from '../../src/platform/jobs/job-handlers.js';
import { type AttemptRef, JobKind } from '../../src/platform/jobs/job-kind.js';
import { JobQueues } from '../../src/platform/jobs/job-queues.js';
import { JobKindModule } from '../../src/platform/jobs/jobs.module.js';
import { JobRoutes } from '../../src/platform/jobs/job-routes.js';
import { JobRunner } from '../../src/platform/jobs/job-runner.js';
import type { Job } from '../../src/platform/jobs/job.entity.js';
import { JobBody } from '../../src/platform/jobs/jobs.dto.js';
import { JobsService } from '../../src/platform/jobs/jobs.service.js';
import { Service, type ServiceOptions } from './service.js';

export class WorkSpec {
  @IsString()
  note: string;

  @IsOptional()
  @IsInt()
  cpus?: number;

  @IsOptional()
  @IsInt()
  memory_bytes?: number;
}

export interface WorkProgress {
  done: number;
}

export type WorkKind = JobKind<WorkSpec, WorkProgress, object>;
export type WorkAttempt = JobAttempt<WorkSpec, WorkProgress>;

function workKind(
  name: string,
  prefix: string,
  more: { canPause?: boolean; canGiveWay?: boolean; maxRunSeconds?: number } = {},
): WorkKind {
  const { maxRunSeconds = 60, ...flags } = more;
  return new JobKind<WorkSpec, WorkProgress, object>({
    name,
    prefix,
    collection: `/api/v1/test/${name}`,
    spec: WorkSpec,
    summary: WorkSpec,
    limits: () => ({ concurrency: 4, maxRunSeconds, keptSeconds: 3600, cpus: 1, memoryBytes: 0 }),
    needs: ({ cpus, memory_bytes }) => ({ cpus, memoryBytes: memory_bytes }),
    ...flags,
  });
}

/** A kind that can be paused and give way, one that cannot, and one whose jobs may not run at all. */
export const DIGGING = workKind('digging', 'dig', { canPause: true, canGiveWay: true });
export const FILLING = workKind('filling', 'fill');
export const HURRIED = workKind('hurried', 'hurry', { maxRunSeconds: 0 });

/** Does what the test says. */
abstract class Worker implements JobHandler<WorkSpec, WorkProgress, object> {
  work: (attempt: WorkAttempt) => Promise<Outcome<object>> = async () => success();
  readonly cleaned: AttemptRef[] = [];

  run(attempt: WorkAttempt): Promise<Outcome<object>> {
    return this.work(attempt);
  }

  async cleanUp(attempt: AttemptRef): Promise<void> {
    this.cleaned.push(attempt);
  }
}

@Injectable()
@Handles(DIGGING)
export class Digger extends Worker {}

@Injectable()
@Handles(FILLING)
export class Filler extends Worker {}

@Injectable()
@Handles(HURRIED)
export class Hurrier extends Worker {}

const routesOf = (kind: WorkKind) =>
  JobRoutes({ kind, noun: 'a piece of work', body: JobBody, toBody: toJobBody, cancels: 'scientist' });

@Controller('api/v1/test/digging')
class DiggingController extends routesOf(DIGGING) {}

@Controller('api/v1/test/filling')
class FillingController extends routesOf(FILLING) {}

@Module({
  imports: [DIGGING, FILLING, HURRIED].map((kind) => JobKindModule.of(kind)),
  controllers: [DiggingController, FillingController],
  providers: [Digger, Filler, Hurrier],
})
export class WorkModule {}

export const success = (result: object = {}): Outcome<object> => ({
  type: 'succeeded',
  metrics: { val_loss: 0.5 },
  commit: async () => result,
});

/** Works until it is stopped. */
export const untilStopped = async ({ signal }: WorkAttempt): Promise<Outcome<object>> => {
  // It may be stopped before it begins.
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return { type: 'aborted' };
};

/** A service with kinds of its own, of whose jobs a worker in this process does what the test says. */
export class JobScene {
  private constructor(readonly service: Service) {}

  /** @param options of the service; without a `role` it starts no worker but those of `start` */
  static async open(options: ServiceOptions = {}): Promise<JobScene> {
    return new JobScene(await Service.start({ ...options, imports: [WorkModule] }));
  }

  part<T>(type: abstract new (...args: never[]) => T): T {
    return this.service.app.get(type, { strict: false });
  }

  /** Takes jobs of these kinds from now on. */
  start(...kinds: WorkKind[]): void {
    for (const kind of kinds) this.part(JobRunner).start(kind, this.workerOf(kind));
  }

  /** What the jobs of a kind do from now on. */
  let(kind: WorkKind, work: (attempt: WorkAttempt) => Promise<Outcome<object>>): void {
    this.workerOf(kind).work = work;
  }

  workerOf(kind: WorkKind): Worker {
    return this.part(kind === DIGGING ? Digger : kind === FILLING ? Filler : Hurrier);
  }

  submit(
    tenant: string,
    kind: WorkKind = DIGGING,
    spec: Partial<WorkSpec> = {},
    parent?: AttemptRef,
  ): Promise<Job<WorkSpec, WorkProgress, object>> {
    return this.part(JobsService).submit(tenant, kind, {
      spec: { note: 'a note', ...spec },
      by: { subject: 'ana' },
      parent,
    });
  }

  read({
    tenantId,
    kind,
    id,
  }: Pick<Job, 'tenantId' | 'kind' | 'id'>): Promise<Job<WorkSpec, WorkProgress, object>> {
    const of = [DIGGING, FILLING, HURRIED].find(({ name }) => name === kind) as WorkKind;
    return this.part(JobsService).get(tenantId, of, id);
  }

  async until(job: Job<WorkSpec>, done: (now: Job<WorkSpec, WorkProgress, object>) => boolean) {
    for (let tries = 0; tries < 800; tries++) {
      const now = await this.read(job);
      if (done(now)) return now;
      await sleep(25);
    }
    throw new Error(`the job stayed ${JSON.stringify(await this.read(job))}`);
  }

  ended(job: Job<WorkSpec>): Promise<Job<WorkSpec, WorkProgress, object>> {
    return this.until(job, (now) => now.endedAt !== null);
  }

  running(job: Job<WorkSpec>): Promise<Job<WorkSpec, WorkProgress, object>> {
    return this.until(job, (now) => now.status === 'running');
  }

  /** Lets the lease of every running job run out. */
  async letLeasesRunOut(): Promise<void> {
    await this.service.database.query(
      `update jobs set lease_until = clock_timestamp() - interval '1 second' where status = 'running'`,
    );
  }

  /** Forgets all jobs and what wakes workers for them, so that the next test finds none. */
  async clear(): Promise<void> {
    await this.service.database.query('truncate jobs cascade');
    for (const queue of this.part(JobQueues).all.values()) {
      await queue.empty();
      await queue.clean(0, 'delayed');
    }
  }

  stop(): Promise<void> {
    return this.service.stop();
  }
}
