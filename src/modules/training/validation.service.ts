import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { TrainingConfig } from '../../config/index.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ERROR_STATUS, isErrorCode } from '../../platform/errors/error-code.js';
import { Problem } from '../../platform/errors/problem.js';
import { FairQueue, QueueFull } from '../../platform/fair-share/fair-queue.js';
import { JobEventHints } from '../../platform/jobs/job-event-hints.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { Refusals } from '../../platform/load/refusals.js';
import type { SubmitTrainingDto } from './submit-training.dto.js';
import { VALIDATION, type ValidationResult } from './training-job.js';
import type { TrainingSpec, TrainingSummary } from './training-spec.dto.js';
import { TrainingService } from './training.service.js';
import type { TrainingValidationBody } from './validation.dto.js';

/** Without a hint the job is looked at this often. */
const LOOK_MS = 1000;
const RETRY_LATER = { 'Retry-After': '10' };

/** Requests that may wait in one process for a look to end. */
const WAITING = { maxWaiting: 64, maxWaitingOfTenant: 8 };
/** How much the last look counts against those before it, in what a look is expected to take. */
const NEWEST_SHARE = 0.5;

/** Answers what a training request would meet: a short job, for which the caller waits. */
@Injectable()
export class ValidationService {
  private readonly queue: FairQueue;
  /** What a look took of late. */
  private lookMs = 1000;

  constructor(
    private readonly jobs: JobsService,
    private readonly hints: JobEventHints,
    private readonly training: TrainingService,
    private readonly refusals: Refusals,
    private readonly config: TrainingConfig,
  ) {
    const { validations: places, validationsPerTenant: placesOfTenant } = config;
    this.queue = new FairQueue({ places, placesOfTenant, ...WAITING });
  }

  /**
   * @param connection on which the caller waits: once it is gone, the look ends
   * @throws Problem as a submission does, 429 or 503 where too many wait already, and 503 where no worker has answered in
   *   time or what the job needs is away
   */
  async validate(
    caller: Identity,
    dto: SubmitTrainingDto,
    connection: Socket,
  ): Promise<TrainingValidationBody> {
    this.hints.listen();
    const spec = await this.training.specify(caller.tenant, dto);
    const gone = new AbortController();
    const leave = () => gone.abort();
    connection.once('close', leave);
    if (connection.destroyed) leave();
    const inTime = AbortSignal.timeout(this.config.validationSeconds * 1000);
    const isAwaited = AbortSignal.any([inTime, gone.signal]);
    try {
      return await this.queue.run(caller.tenant, () => this.look(caller, spec, isAwaited));
    } catch (error) {
      throw error instanceof QueueFull ? this.refusal(error) : error;
    } finally {
      connection.off('close', leave);
    }
  }

  /** @param isAwaited aborted once nobody waits for the answer any more */
  private async look(
    caller: Identity,
    spec: TrainingSpec,
    isAwaited: AbortSignal,
  ): Promise<TrainingValidationBody> {
    if (isAwaited.aborted) throw this.tooLate();
    const began = performance.now();
    const { id } = await this.jobs.submit(caller.tenant, VALIDATION, { spec, by: caller });
    while (!isAwaited.aborted) {
      const hint = this.hints.next(id, LOOK_MS, isAwaited);
      const job = await this.jobs.get(caller.tenant, VALIDATION, id);
      if (job.endedAt) {
        this.lookMs += (performance.now() - began - this.lookMs) * NEWEST_SHARE;
        return toBody(job);
      }
      await hint;
    }
    await this.jobs.cancel(caller.tenant, VALIDATION, id).catch((error: unknown) => {
      // It may have ended in this very moment.
      if (!(error instanceof Problem)) throw error;
    });
    throw this.tooLate();
  }

  private tooLate(): Problem {
    return new Problem(
      'WORKER_BUSY',
      `No worker looked at the data within ${this.config.validationSeconds} seconds; try again, or submit the job.`,
      { headers: RETRY_LATER },
    );
  }

  private refusal({ waiting, ofTenant }: QueueFull): Problem {
    const { validations, validationsPerTenant } = this.config;
    const places = ofTenant ? Math.min(validations, validationsPerTenant) : validations;
    // A place in the queue is free again once one of the looks under way ends.
    const waitMs = this.lookMs / places;
    if (!ofTenant)
      return this.refusals.overloaded('validations', waitMs, `${waiting} looks at data wait already`);
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    return new Problem(
      'RATE_LIMITED',
      `${waiting} looks at data of the tenant wait already; try again in ${seconds} s.`,
      { headers: { 'Retry-After': String(seconds) } },
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
