import { Env, integer } from './environment.js';

/** Online predictions. */
export class PredictionsConfig {
  @Env('MODELPLANE_PREDICTIONS_MAX_ROWS', integer(1, 100_000), 'Rows of one request.')
  maxRows = 1000;

  @Env(
    'MODELPLANE_PREDICTIONS_MAX_WAIT_MS',
    integer(1, 600_000),
    'Longest that a request may be expected to wait for a model that does not run on the main thread; others are answered with 503 OVERLOADED.',
  )
  maxWaitMs = 2000;

  @Env(
    'MODELPLANE_PREDICTIONS_MAX_WAITING',
    integer(1, 100_000),
    'Requests that may wait so for one model in one process.',
  )
  maxWaiting = 1000;

  @Env(
    'MODELPLANE_PREDICTIONS_MAX_WAITING_ROWS',
    integer(1, 100_000_000),
    'Rows of all requests that wait so, or for a model to be loaded; one tenant alone may have half of them.',
  )
  maxWaitingRows = 50_000;

  @Env(
    'MODELPLANE_MODEL_CACHE_BYTES',
    integer(2 ** 20, 2 ** 40),
    'Artifact bytes of loaded models kept in memory.',
  )
  modelCacheBytes = 2 ** 30;

  @Env('MODELPLANE_MAX_ARTIFACT_BYTES', integer(2 ** 10, 2 ** 40), 'Largest artifact that is loaded.')
  maxArtifactBytes = 512 * 2 ** 20;

  @Env(
    'MODELPLANE_EXPLANATION_MAX_SAMPLES',
    integer(1000, 1_000_000_000),
    'Rows that a model may score to explain one request: about 10,000 for each of its rows.',
  )
  maxExplanationSamples = 1_000_000;

  @Env(
    'MODELPLANE_EXPLANATIONS',
    integer(1, 256),
    'Requests that one process explains at once, which take turns with each other.',
  )
  explanations = 4;

  @Env(
    'MODELPLANE_EXPLANATIONS_PER_TENANT',
    integer(1, 256),
    'Of these, how many may be of one tenant: fewer than all of them, so that another finds a place.',
  )
  explanationsPerTenant = 3;

  @Env(
    'MODELPLANE_EXPLANATION_MAX_SECONDS',
    integer(1, 3600),
    'Longest that explaining one request may take, once it is its turn.',
  )
  maxExplanationSeconds = 30;
}
