import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { RuntimeConfig, TrainingConfig } from '../../config/index.js';
import { EmbeddedEngine } from '../../platform/compute/compute.module.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { folderOfJob } from '../../platform/jobs/job-folders.js';
import { type JobHandler, JobRunner, type Outcome } from '../../platform/jobs/job-runner.js';
import { PLATFORM_BUCKET } from '../../platform/storage/grants.js';
import { ComputeSpecs } from './compute-spec.js';
import { TrainingData } from './training-data.js';
import { specOf, VALIDATION } from './training-job.js';

/** Looks at the data of a training request; docs/decisions/0022. */
@Injectable()
export class ValidationProcessor implements JobHandler, OnApplicationBootstrap {
  readonly kind = VALIDATION;
  readonly concurrency = 2;
  readonly maxRunSeconds: number;
  readonly isAwaited = true;

  constructor(
    private readonly runtime: RuntimeConfig,
    private readonly runner: JobRunner,
    private readonly engine: EmbeddedEngine,
    private readonly data: TrainingData,
    private readonly specs: ComputeSpecs,
    config: TrainingConfig,
  ) {
    this.maxRunSeconds = config.validationSeconds;
  }

  onApplicationBootstrap(): void {
    if (this.runtime.runsWorker) this.runner.start(this);
  }

  async run(attempt: JobAttempt): Promise<Outcome> {
    const { claim, job } = attempt;
    const { train, validation } = await this.data.findAll(claim.tenant, specOf(job).data_config);
    // Nothing is written there.
    const nowhere = `s3://${PLATFORM_BUCKET}/${folderOfJob(claim)}/`;
    const spec = this.specs.make(attempt, 'validation', train, validation, nowhere);
    const outcome = await this.engine.run(spec, { signal: attempt.signal, onEvent: () => undefined });
    if (outcome.type !== 'succeeded') return outcome;
    return { type: 'succeeded', metrics: {}, commit: async () => outcome.result };
  }
}
