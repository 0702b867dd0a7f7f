import { Injectable } from '@nestjs/common';
import { TrainingConfig } from '../../config/index.js';
import { Compute } from '../../platform/compute/compute.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { folderOfJob } from '../../platform/jobs/job-folders.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import { JobKinds } from '../../platform/jobs/job-kinds.js';
import { RateLimiter } from '../../platform/rate-limit/rate-limiter.js';
import { PLATFORM_BUCKET } from '../../platform/storage/grants.js';
import { readerOf, TrainingDataService, type TrainingFiles } from './training-data.service.js';
import { TRAINING, VALIDATION, VALIDATION_CONTRACT, type ValidationResult } from './training-job.js';
import type { TrainingSpec } from './training-spec.dto.js';
import { TrainerSpecsService } from './trainer-specs.service.js';

/** What is read at most of the training or validation data: trainer/src/modelplane_trainer/inspection.py. */
const MAX_FILES = 8;
const MAX_BYTES_OF_FILE = 8 * 2 ** 20;

/** Looks at the data of a training request; docs/decisions/0022. */
@Injectable()
@Handles(VALIDATION)
export class ValidationProcessor implements JobHandler<TrainingSpec, never, ValidationResult> {
  constructor(
    private readonly compute: Compute,
    private readonly data: TrainingDataService,
    private readonly specs: TrainerSpecsService,
    private readonly rate: RateLimiter,
    private readonly kinds: JobKinds,
    private readonly config: TrainingConfig,
  ) {}

  async run(attempt: JobAttempt<TrainingSpec, never>): Promise<Outcome<ValidationResult>> {
    const { claim, job } = attempt;
    const input = await this.data.findAll(readerOf(attempt), job.spec);
    const { train, validation, join } = input;
    // Views are read whole: a part of their rows would say of most entities that nothing is known.
    const joined = join ? join.viewFiles.reduce((sum, { size_bytes }) => sum + size_bytes, 0) : 0;
    const bytes = bytesRead(train) + (validation ? bytesRead(validation) : 0) + joined;
    this.rate.charge(claim.tenant, Math.ceil(bytes / this.config.validationBytesPerToken));
    // Nothing is written there.
    const nowhere = `s3://${PLATFORM_BUCKET}/${folderOfJob(claim)}/`;
    const memoryBytes = Math.min(
      this.config.validationMemoryBytes,
      this.kinds.limitsOf(TRAINING).memoryBytes,
    );
    const spec = this.specs.make(job.spec, input, nowhere, memoryBytes);
    const outcome = await this.compute.run(attempt, VALIDATION_CONTRACT, spec);
    if (outcome.type !== 'succeeded') return outcome;
    return { type: 'succeeded', metrics: {}, commit: async () => outcome.result };
  }
}

function bytesRead({ files }: TrainingFiles): number {
  const sizes = files.slice(0, MAX_FILES).map((file) => Math.min(file.size_bytes, MAX_BYTES_OF_FILE));
  return sizes.reduce((sum, size) => sum + size, 0);
}
