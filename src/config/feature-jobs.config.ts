import { Env, integer } from './environment.js';

/** Jobs that read the sources of feature views: materializations, historical sets, skew reports. */
export class FeatureJobsConfig {
  @Env(
    'MODELPLANE_FEATURE_JOBS_CONCURRENCY',
    integer(1, 256),
    'Jobs of each kind that read the sources of feature views which one worker runs at once.',
  )
  concurrency = 1;

  @Env('MODELPLANE_FEATURE_JOBS_THREADS', integer(1, 256), 'Threads of the process of one such job.')
  threads = 2;

  @Env(
    'MODELPLANE_FEATURE_JOBS_MEMORY_BYTES',
    integer(2 ** 28, 2 ** 43),
    'Memory of the process of one such job.',
  )
  memoryBytes = 2 * 2 ** 30;

  @Env('MODELPLANE_FEATURE_JOBS_MAX_RUN_SECONDS', integer(1, 7 * 86_400), 'Longest run of one such job.')
  maxRunSeconds = 24 * 3600;

  @Env(
    'MODELPLANE_FEATURE_JOBS_MAX_FILES',
    integer(1, 1_000_000),
    'Files that the source of a view, or the path of entity rows, may stand for.',
  )
  maxFiles = 10_000;
}
