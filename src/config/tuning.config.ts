import { Env, integer } from './environment.js';

/** Studies of hyperparameters on the local engine. */
export class TuningConfig {
  @Env('MODELPLANE_TUNING_CONCURRENCY', integer(1, 256), 'Studies that one worker runs at once.')
  concurrency = 1;

  @Env(
    'MODELPLANE_TUNING_MEMORY_BYTES',
    integer(2 ** 28, 2 ** 43),
    'Memory of one study, which its trials that run at once share.',
  )
  memoryBytes = 6 * 2 ** 30;

  @Env('MODELPLANE_TUNING_MAX_RUN_SECONDS', integer(1, 7 * 86_400), 'Longest run of one attempt of a study.')
  maxRunSeconds = 24 * 3600;
}
