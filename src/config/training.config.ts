import { Env, integer } from './environment.js';

/** Training jobs on the local engine. */
export class TrainingConfig {
  @Env('MODELPLANE_TRAINING_CONCURRENCY', integer(1, 256), 'Training jobs that one worker runs at once.')
  concurrency = 2;

  @Env('MODELPLANE_TRAINING_MEMORY_BYTES', integer(2 ** 28, 2 ** 43), 'Memory of one training process.')
  memoryBytes = 6 * 2 ** 30;

  @Env('MODELPLANE_TRAINING_MAX_RUN_SECONDS', integer(1, 7 * 86_400), 'Longest run of a training job.')
  maxRunSeconds = 6 * 3600;

  @Env(
    'MODELPLANE_TRAINING_VALIDATION_SECONDS',
    integer(1, 600),
    'Longest that POST /api/v1/training/validate waits for a worker and its look at the data.',
  )
  validationSeconds = 30;

  @Env(
    'MODELPLANE_TRAINING_VALIDATION_KEPT_SECONDS',
    integer(1, 3650 * 86_400),
    'How long the job of a validation is kept once it has ended.',
  )
  validationKeptSeconds = 86_400;

  @Env('MODELPLANE_TRAINING_MAX_FILES', integer(1, 1_000_000), 'Files that a folder or glob may stand for.')
  maxFiles = 10_000;

  @Env('MODELPLANE_TRAINING_MAX_FEATURES', integer(1, 100_000), 'Feature columns of a model.')
  maxFeatures = 2000;

  @Env('MODELPLANE_TRAINING_SEED', integer(0, 2 ** 31 - 1), 'Random seed of a job that names none.')
  seed = 0;
}
