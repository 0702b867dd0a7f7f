import { Env, integer } from './environment.js';

/** Online predictions. */
export class PredictionsConfig {
  @Env('MODELPLANE_PREDICTIONS_MAX_ROWS', integer(1, 100_000), 'Rows of one request.')
  maxRows = 1000;

  @Env(
    'MODELPLANE_MODEL_CACHE_BYTES',
    integer(2 ** 20, 2 ** 40),
    'Artifact bytes of loaded models kept in memory.',
  )
  modelCacheBytes = 2 ** 30;

  @Env('MODELPLANE_MAX_ARTIFACT_BYTES', integer(2 ** 10, 2 ** 40), 'Largest artifact that is loaded.')
  maxArtifactBytes = 512 * 2 ** 20;
}
