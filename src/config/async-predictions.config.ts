import { Env, integer } from './environment.js';

/** Predictions that are answered later, by a worker. */
export class AsyncPredictionsConfig {
  @Env(
    'MODELPLANE_ASYNC_PREDICTIONS_KEPT_SECONDS',
    integer(1, 30 * 24 * 3600),
    'How long an asynchronous prediction can be fetched once it is there; then it is deleted.',
  )
  keptSeconds = 24 * 3600;

  @Env(
    'MODELPLANE_ASYNC_PREDICTIONS_CONCURRENCY',
    integer(1, 64),
    'Asynchronous predictions that one worker answers at once.',
  )
  concurrency = 4;

  @Env(
    'MODELPLANE_ASYNC_PREDICTIONS_MAX_RUN_SECONDS',
    integer(1, 24 * 3600),
    'Longest that one asynchronous prediction may take.',
  )
  maxRunSeconds = 300;
}
