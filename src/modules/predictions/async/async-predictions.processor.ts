import { Injectable } from '@nestjs/common';
import { ModelUnavailable } from '#libs/inference';
import type { ErrorCode } from '../../../platform/errors/error-code.js';
import { Problem } from '../../../platform/errors/problem.js';
import { parseInTurns, stringifyInTurns } from '../../../platform/http/json-in-turns.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../../platform/jobs/job-handlers.js';
import { PredictionsService } from '../predictions.service.js';
import { type AsyncPredictionResult, type AsyncPredictionSpec, PREDICTION } from './async-prediction-job.js';

/** Codes of what passes by itself. */
const PASSING: readonly ErrorCode[] = ['OVERLOADED', 'ENSEMBLE_DEGRADED', 'FEATURES_UNAVAILABLE'];

/** Answers asynchronous predictions as single ones are answered. */
@Injectable()
@Handles(PREDICTION)
export class AsyncPredictionsProcessor implements JobHandler<
  AsyncPredictionSpec,
  never,
  AsyncPredictionResult
> {
  constructor(private readonly predictions: PredictionsService) {}

  async run({ claim, job }: JobAttempt<AsyncPredictionSpec, never>): Promise<Outcome<AsyncPredictionResult>> {
    const { request_id, request } = job.spec;
    try {
      const body = await parseInTurns(request, (json) => JSON.parse(json) as unknown);
      const answer = await stringifyInTurns(await this.predictions.predict(claim.tenant, request_id, body));
      const commit = () => Promise.resolve({ answer });
      return { type: 'succeeded', metrics: {}, commit };
    } catch (error) {
      const passes =
        error instanceof ModelUnavailable || (error instanceof Problem && PASSING.includes(error.code));
      if (passes) return { type: 'crashed', message: error.message };
      throw error;
    }
  }
}
