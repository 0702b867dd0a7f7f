import { Injectable } from '@nestjs/common';
import { Compute } from '../../platform/compute/compute.js';
import type { TenantScope } from '../../platform/database/database.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import { outputOfAttempt } from '../../platform/jobs/job-folders.js';
import type { AttemptRef } from '../../platform/jobs/job-kind.js';
import { TrainedVersionsService } from './trained-versions.service.js';
import { TrainerSpecsService } from './trainer-specs.service.js';
import { readerOf, TrainingDataService } from './training-data.service.js';
import { TRAINING, TRAINING_CONTRACT } from './training-job.js';
import type { TrainingSpec } from './training-spec.dto.js';
import type { ProgressBody, TrainingResultBody } from './training.dto.js';

type TrainingAttempt = JobAttempt<TrainingSpec, ProgressBody>;

/** Runs training jobs on an engine and publishes what they make. */
@Injectable()
@Handles(TRAINING)
export class TrainingProcessor implements JobHandler<TrainingSpec, ProgressBody, TrainingResultBody> {
  constructor(
    private readonly compute: Compute,
    private readonly data: TrainingDataService,
    private readonly specs: TrainerSpecsService,
    private readonly versions: TrainedVersionsService,
  ) {}

  async run(attempt: TrainingAttempt): Promise<Outcome<TrainingResultBody>> {
    const { claim, job } = attempt;
    const input = await this.data.findAll(readerOf(attempt), job.spec);
    const spec = this.specs.make(job.spec, input, outputOfAttempt(claim));
    const outcome = await this.compute.run(attempt, TRAINING_CONTRACT, spec);
    if (outcome.type !== 'succeeded') return outcome;
    const trained = outcome.result;
    const [made] = await this.versions.prepare(attempt, [{ trained, folder: '' }]);
    const commit = (scope: TenantScope) => this.versions.publish(scope, attempt, made!, input);
    return { type: 'succeeded', metrics: trained.metrics, commit };
  }

  cleanUp(claim: AttemptRef): Promise<void> {
    return this.versions.cleanUp(claim);
  }
}
