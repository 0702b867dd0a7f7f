import { Env, integer } from './environment.js';

/** Batch predictions. */
export class BatchConfig {
  @Env('MODELPLANE_BATCH_CONCURRENCY', integer(1, 256), 'Batches that one worker scores at once.')
  concurrency = 1;

  @Env('MODELPLANE_BATCH_THREADS', integer(1, 256), 'Threads that score one batch.')
  threads = 2;

  @Env('MODELPLANE_BATCH_MEMORY_BYTES', integer(2 ** 28, 2 ** 43), 'Memory of the process of one batch.')
  memoryBytes = 2 * 2 ** 30;

  @Env('MODELPLANE_BATCH_MAX_RUN_SECONDS', integer(1, 7 * 86_400), 'Longest run of a batch.')
  maxRunSeconds = 24 * 3600;

  @Env('MODELPLANE_BATCH_MAX_FILES', integer(1, 1_000_000), 'Files that a folder or glob may stand for.')
  maxFiles = 10_000;

  @Env(
    'MODELPLANE_BATCH_PART_ROWS',
    integer(1, 2 ** 31),
    'Rows of one part of the output; what is finished when a worker dies is whole parts.',
  )
  partRows = 262_144;
}
