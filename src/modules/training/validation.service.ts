import { Injectable } from '@nestjs/common';
import { TrainingConfig } from '../../config/index.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ERROR_STATUS, isErrorCode } from '../../platform/errors/error-code.js';
import { Problem } from '../../platform/errors/problem.js';
import { JobEventHints } from '../../platform/jobs/job-event-hints.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import type { SubmitTrainingDto } from './submit-training.dto.js';
import { type TrainingSummary, VALIDATION, type ValidationResult } from './training-job.js';
import { TrainingService } from './training.service.js';
import type { TrainingValidationBody } from './validation.dto.js';

/** Without a hint the job is looked at this often. */
const LOOK_MS = 1000;
const RETRY_LATER = { 'Retry-After': '10' };

/** Answers what a training request would meet: a short job, for which the caller waits. */
@Injectable()
export class ValidationService {
  constructor(
    private readonly jobs: JobsService,
    private readonly hints: JobEventHints,
    private readonly training: TrainingService,
    private readonly config: TrainingConfig,
  ) {}

  /** @throws Problem as a submission does, and 503 where no worker has answered in time or what the job needs is away */
  async validate(caller: Identity, dto: SubmitTrainingDto): Promise<TrainingValidationBody> {
    const { validationSeconds } = this.config;
    this.hints.listen();
    const spec = await this.training.specify(caller.tenant, dto);
    const { id } = await this.jobs.submit(caller.tenant, VALIDATION, { spec, by: caller });
    const inTime = AbortSignal.timeout(validationSeconds * 1000);
    while (!inTime.aborted) {
      const hint = this.hints.next(id, LOOK_MS, inTime);
      const job = await this.jobs.get(caller.tenant, VALIDATION, id);
      if (job.endedAt) return toBody(job);
      await hint;
    }
    await this.jobs.cancel(caller.tenant, VALIDATION, id).catch((error: unknown) => {
      // It may have ended in this very moment.
      if (!(error instanceof Problem)) throw error;
    });
    throw new Problem(
      'WORKER_BUSY',
      `No worker looked at the data within ${validationSeconds} seconds; try again, or submit the job.`,
      { headers: RETRY_LATER },
    );
  }
}

/** @throws Problem where the service or what it needs failed: that says nothing about the data */
function toBody(job: Job<TrainingSummary, never, ValidationResult>): TrainingValidationBody {
  if (job.result) return { is_trainable: job.result.problems.length === 0, ...job.result };
  const code = job.errorCode ?? 'INTERNAL_ERROR';
  const message = job.errorMessage ?? '';
  if (isErrorCode(code) && ERROR_STATUS[code] >= 500)
    throw new Problem(code, message, { headers: RETRY_LATER });
  const { estimator, model_type = null } = job.spec;
  return {
    is_trainable: false,
    estimator,
    model_type,
    rows_read: 0,
    is_complete: false,
    columns: [],
    target: null,
    problems: [{ code, message }],
    warnings: [],
  };
}
