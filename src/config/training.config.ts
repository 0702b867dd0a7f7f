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

  @Env(
    'MODELPLANE_TRAINING_VALIDATIONS',
    integer(1, 256),
    'Looks at the data of POST /api/v1/training/validate that one worker, and one API process, has under way at once.',
  )
  validations = 4;

  @Env(
    'MODELPLANE_TRAINING_VALIDATIONS_PER_TENANT',
    integer(1, 256),
    'Of these, how many may be of one tenant: fewer than all of them, so that another finds a place.',
  )
  validationsPerTenant = 2;

  @Env(
    'MODELPLANE_TRAINING_VALIDATION_MEMORY_BYTES',
    integer(2 ** 28, 2 ** 43),
    'Memory of the process of one look at the data, which takes no room of the worker.',
  )
  validationMemoryBytes = 2 ** 30;

  @Env(
    'MODELPLANE_TRAINING_VALIDATION_BYTES_PER_TOKEN',
    integer(1, 2 ** 30),
    'Bytes of data that a look at them reads for one token of the rate limit.',
  )
  validationBytesPerToken = 1024;

  @Env('MODELPLANE_TRAINING_MAX_FILES', integer(1, 1_000_000), 'Files that a folder or glob may stand for.')
  maxFiles = 10_000;

  @Env('MODELPLANE_TRAINING_MAX_FEATURES', integer(1, 16_384), 'Feature columns of a model.')
  maxFeatures = 2000;

  @Env('MODELPLANE_TRAINING_SEED', integer(0, 2 ** 31 - 1), 'Random seed of a job that names none.')
  seed = 0;
}
