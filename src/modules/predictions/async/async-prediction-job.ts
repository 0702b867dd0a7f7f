import type { Job } from '../../../platform/jobs/job.entity.js';
import type { JobKind } from '../../../platform/jobs/job-kind.js';

export const PREDICTION: JobKind = { name: 'prediction', prefix: 'pred' };

/** What the row of an asynchronous prediction keeps of its request. */
export interface AsyncPredictionSpec {
  request_id: string;
  model_id: string;
  version: string;
  /** The body as JSON text: a row of jsonb would refuse some of the texts that a feature may be. */
  request: string;
}

export function specOf(job: Job): AsyncPredictionSpec {
  return job.spec as unknown as AsyncPredictionSpec;
}
