import { availableParallelism, totalmem } from 'node:os';
import { Env, integer } from './environment.js';

/** Share of the machine's memory that jobs may take: the rest is for the server itself and what it runs beside. */
const SHARE_OF_MEMORY = 0.75;

/** Long-running work. */
export class JobsConfig {
  @Env(
    'MODELPLANE_WORKER_CPUS',
    integer(0, 4096),
    'CPUs that the jobs of one worker take together; 0: as many as its machine has.',
  )
  configuredCpus = 0;

  @Env(
    'MODELPLANE_WORKER_MEMORY_BYTES',
    integer(0, 2 ** 44),
    'Memory that the jobs of one worker take together; 0: three quarters of what its machine or container has.',
  )
  configuredMemoryBytes = 0;

  @Env(
    'MODELPLANE_JOBS_LEASE_SECONDS',
    integer(2, 3600),
    "How long a worker's claim outlives its last heartbeat.",
  )
  leaseSeconds = 10;

  @Env('MODELPLANE_JOBS_RECONCILE_SECONDS', integer(1, 3600), 'How often forgotten jobs are looked for.')
  reconcileSeconds = 5;

  @Env(
    'MODELPLANE_JOBS_MAX_ATTEMPTS',
    integer(1, 20),
    'Attempts of a job whose worker or process dies, or whose object store, database or engine is away.',
  )
  maxAttempts = 3;

  @Env(
    'MODELPLANE_JOBS_RETRY_SECONDS',
    integer(0, 3600),
    'How long a job waits before it is tried again where the object store, the database or the engine was away.',
  )
  retrySeconds = 10;

  @Env(
    'MODELPLANE_JOBS_RUNNING_PER_TENANT',
    integer(1, 1000),
    'Jobs of one kind that a tenant may have running at once.',
  )
  runningPerTenant = 2;

  @Env(
    'MODELPLANE_JOBS_TURN_SECONDS',
    integer(0, 86_400),
    'How long a job that can give way runs before it does, for one of a tenant that runs nothing.',
  )
  turnSeconds = 30;

  @Env(
    'MODELPLANE_JOBS_OPEN_PER_TENANT',
    integer(1, 100_000),
    'Jobs of one kind that a tenant may have waiting or running.',
  )
  openPerTenant = 1000;

  @Env('MODELPLANE_JOBS_MAX_LOG_LINES', integer(10, 1_000_000), 'Log lines kept of one job.')
  maxLogLines = 10_000;

  @Env(
    'MODELPLANE_JOBS_KEPT_DAYS',
    integer(1, 3650),
    'How long trainings, batches and exports are kept once they have ended; what a version of a model came from stays.',
  )
  keptDays = 365;

  get workerCpus(): number {
    return this.configuredCpus || availableParallelism();
  }

  get workerMemoryBytes(): number {
    // 0 or more than there is where no limit is set for the process's group.
    const limit = process.constrainedMemory() || Infinity;
    return this.configuredMemoryBytes || Math.floor(SHARE_OF_MEMORY * Math.min(totalmem(), limit));
  }

  get keptSeconds(): number {
    return this.keptDays * 86_400;
  }
}
