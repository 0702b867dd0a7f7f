import { IsString } from 'class-validator';
import { AsyncPredictionsConfig } from '../../../config/index.js';
import { JobKind } from '../../../platform/jobs/job-kind.js';

/** What answers show of the spec of an asynchronous prediction. */
export class AsyncPredictionSummary {
  @IsString()
  request_id: string;

  @IsString()
  model_id: string;

  @IsString()
  version: string;
}

/** What the row of an asynchronous prediction keeps of its request. */
export class AsyncPredictionSpec extends AsyncPredictionSummary {
  /** The body as JSON text: a row of jsonb would refuse some of the texts that a feature may be. */
  @IsString()
  request: string;
}

/** The request of a job that waits, as JSON text: reading megabytes again whenever a caller looks would block others. */
export interface RequestText {
  text: string;
}

/** The prediction as JSON text, for the same reasons. */
export interface AsyncPredictionResult {
  answer: string;
}

/** It takes no room: it is answered within the worker's own process, in milliseconds. */
export const PREDICTION = new JobKind<
  AsyncPredictionSpec,
  never,
  AsyncPredictionResult,
  AsyncPredictionSummary
>({
  name: 'prediction',
  prefix: 'pred',
  collection: '/api/v1/predictions/async',
  spec: AsyncPredictionSpec,
  summary: AsyncPredictionSummary,
  request: ({ request }): RequestText => ({ text: request }),
  limits: (config) => {
    const { concurrency, maxRunSeconds, keptSeconds } = config.get(AsyncPredictionsConfig);
    return { concurrency, maxRunSeconds, keptSeconds, cpus: 0, memoryBytes: 0 };
  },
});
