import { Injectable } from '@nestjs/common';
import { Compute } from '../../platform/compute/compute.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { folderOfJob } from '../../platform/jobs/job-folders.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import { PLATFORM_BUCKET } from '../../platform/storage/grants.js';
import { TrainingData } from './training-data.js';
import { type TrainingSpec, VALIDATION, VALIDATION_CONTRACT, type ValidationResult } from './training-job.js';
import { TrainerSpecs } from './trainer-specs.js';

/** Looks at the data of a training request; docs/decisions/0022. */
@Injectable()
@Handles(VALIDATION)
export class ValidationProcessor implements JobHandler<TrainingSpec, never, ValidationResult> {
  constructor(
    private readonly compute: Compute,
    private readonly data: TrainingData,
    private readonly specs: TrainerSpecs,
  ) {}

  async run(attempt: JobAttempt<TrainingSpec, never>): Promise<Outcome<ValidationResult>> {
    const { claim, job } = attempt;
    const { train, validation } = await this.data.findAll(claim.tenant, job.spec.data_config);
    // Nothing is written there.
    const nowhere = `s3://${PLATFORM_BUCKET}/${folderOfJob(claim)}/`;
    const spec = this.specs.make(job.spec, train, validation, nowhere);
    const outcome = await this.compute.run(attempt, VALIDATION_CONTRACT, spec);
    if (outcome.type !== 'succeeded') return outcome;
    return { type: 'succeeded', metrics: {}, commit: async () => outcome.result };
  }
}
