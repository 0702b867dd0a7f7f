import { Injectable } from '@nestjs/common';
import { TrainingConfig, UploadsConfig } from '../../config/index.js';
import { Compute } from '../../platform/compute/compute.js';
import { Problem } from '../../platform/errors/problem.js';
import { JobKinds } from '../../platform/jobs/job-kinds.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import { DataFiles, formatOf } from '../../platform/storage/data-files.js';
import { ServingService } from '../serving/serving.service.js';
import { ENSEMBLE_FIT, ENSEMBLE_FIT_CONTRACT, type EnsembleFitSpec } from './ensemble-fit-job.js';
import type { LeaderboardBody } from './ensemble-fits.dto.js';
import { LeaderboardsService } from './leaderboards.service.js';

type EnsembleFitAttempt = JobAttempt<EnsembleFitSpec, never>;

/** Has an engine score a labelled table with the members of an ensemble, and keeps the weights that it learned. */
@Injectable()
@Handles(ENSEMBLE_FIT)
export class EnsembleFitProcessor implements JobHandler<EnsembleFitSpec, never, LeaderboardBody> {
  constructor(
    private readonly compute: Compute,
    private readonly data: DataFiles,
    private readonly serving: ServingService,
    private readonly leaderboards: LeaderboardsService,
    private readonly config: TrainingConfig,
    private readonly uploads: UploadsConfig,
    private readonly kinds: JobKinds,
  ) {}

  async run(attempt: EnsembleFitAttempt): Promise<Outcome<LeaderboardBody>> {
    const { claim, job } = attempt;
    const { tenant } = claim;
    const { model_id, version, validation_path, target_column, rounds } = job.spec;
    const files = await this.data.find(tenant, validation_path, this.config.maxFiles);
    if (files.length === 0) throw new Problem('NOT_FOUND', `There is no object ${validation_path}.`);
    const format = job.spec.format ?? formatOf(validation_path, files, 'data_config.format');
    const servable = await this.serving.servable(tenant, model_id, version);
    const resolved = await this.serving.resolve(tenant, servable);
    const outcome = await this.compute.run(attempt, ENSEMBLE_FIT_CONTRACT, {
      data: { format, files, target_column },
      model: this.serving.modelSpec(tenant, resolved),
      rounds,
      limits: {
        memory_bytes: this.kinds.limitsOf(ENSEMBLE_FIT).memoryBytes,
        model_memory_bytes: this.uploads.memoryBytes,
        model_run_seconds: this.uploads.runSeconds,
      },
    });
    if (outcome.type !== 'succeeded') return outcome;
    const answered = resolved.members!.map((member) => member.servable);
    const { result: weights } = outcome;
    const fit = { spec: job.spec, answered, files, weights, jobId: job.id, by: job.submittedBy };
    return { type: 'succeeded', metrics: {}, commit: (scope) => this.leaderboards.keep(scope, fit) };
  }
}
