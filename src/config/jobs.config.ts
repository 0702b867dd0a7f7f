import { Env, integer } from './environment.js';

/** Long-running work. */
export class JobsConfig {
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
    'Attempts of a job whose worker or process dies, or whose object store is away.',
  )
  maxAttempts = 3;

  @Env(
    'MODELPLANE_JOBS_RETRY_SECONDS',
    integer(0, 3600),
    'How long a job waits before it is tried again where the object store was away.',
  )
  retrySeconds = 10;

  @Env(
    'MODELPLANE_JOBS_RUNNING_PER_TENANT',
    integer(1, 1000),
    'Jobs of one kind that a tenant may have running at once.',
  )
  runningPerTenant = 2;

  @Env(
    'MODELPLANE_JOBS_OPEN_PER_TENANT',
    integer(1, 100_000),
    'Jobs of one kind that a tenant may have waiting or running.',
  )
  openPerTenant = 1000;

  @Env('MODELPLANE_JOBS_MAX_LOG_LINES', integer(10, 1_000_000), 'Log lines kept of one job.')
  maxLogLines = 10_000;
}
