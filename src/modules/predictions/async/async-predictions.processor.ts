import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { ModelUnavailable } from '#libs/inference';
import { AsyncPredictionsConfig, RuntimeConfig } from '../../../config/index.js';
import { Problem } from '../../../platform/errors/problem.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { type JobHandler, JobRunner, type Outcome } from '../../../platform/jobs/job-runner.js';
import { PredictionsService } from '../predictions.service.js';
import { PREDICTION, specOf } from './async-prediction-job.js';

/** Answers asynchronous predictions as single ones are answered. */
@Injectable()
export class AsyncPredictionsProcessor implements JobHandler, OnApplicationBootstrap {
  readonly kind = PREDICTION;
  readonly concurrency: number;
  readonly maxRunSeconds: number;

  constructor(
    config: AsyncPredictionsConfig,
    private readonly runtime: RuntimeConfig,
    private readonly runner: JobRunner,
    private readonly predictions: PredictionsService,
  ) {
    this.concurrency = config.concurrency;
    this.maxRunSeconds = config.maxRunSeconds;
  }

  onApplicationBootstrap(): void {
    if (this.runtime.runsWorker) this.runner.start(this);
  }

  async run({ claim, job }: JobAttempt): Promise<Outcome> {
    const { request_id, request } = specOf(job);
    try {
      const answer = await this.predictions.predict(claim.tenant, request_id, JSON.parse(request));
      const commit = () => Promise.resolve({ answer: JSON.stringify(answer) });
      return { type: 'succeeded', metrics: {}, commit };
    } catch (error) {
      const passes =
        error instanceof ModelUnavailable || (error instanceof Problem && error.code === 'OVERLOADED');
      if (passes) return { type: 'crashed', message: error.message };
      throw error;
    }
  }
}
