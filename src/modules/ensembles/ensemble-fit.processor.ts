import { Injectable } from '@nestjs/common';
import { Compute } from '../../platform/compute/compute.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import { LabelledTablesService } from '../serving/labelled-tables.service.js';
import { ENSEMBLE_FIT, ENSEMBLE_FIT_CONTRACT, type EnsembleFitSpec } from './ensemble-fit-job.js';
import type { LeaderboardBody } from './ensemble-fits.dto.js';
import { EnsembleFitsService } from './ensemble-fits.service.js';
import { EnsembleRefits } from './ensemble-refits.js';
import { LeaderboardsService } from './leaderboards.service.js';

type EnsembleFitAttempt = JobAttempt<EnsembleFitSpec, never>;

/** Has an engine score a labelled table with the members of an ensemble, and keeps what it learned of them. */
@Injectable()
@Handles(ENSEMBLE_FIT)
export class EnsembleFitProcessor implements JobHandler<EnsembleFitSpec, never, LeaderboardBody> {
  constructor(
    private readonly compute: Compute,
    private readonly tables: LabelledTablesService,
    private readonly fits: EnsembleFitsService,
    private readonly refits: EnsembleRefits,
    private readonly leaderboards: LeaderboardsService,
  ) {}

  async run(attempt: EnsembleFitAttempt): Promise<Outcome<LeaderboardBody>> {
    const { claim, job } = attempt;
    const { method, rounds, folds, target_column: target } = job.spec;
    const draft = await this.fits.draftOf(claim.tenant, job.spec);
    const { files, resolved, engineSpec } = await this.tables.find(
      claim.tenant,
      ENSEMBLE_FIT,
      job.spec,
      draft,
    );
    if (!resolved.members) throw new Error(`the model ${job.spec.model_id} is no ensemble`);
    const refits = await this.refits.find(claim.tenant, resolved.members, { files, target });
    const engine = { ...engineSpec, method, rounds, folds, refits };
    const outcome = await this.compute.run(attempt, ENSEMBLE_FIT_CONTRACT, engine);
    if (outcome.type !== 'succeeded') return outcome;
    const fit = {
      spec: job.spec,
      scored: resolved,
      isDraft: draft !== undefined,
      files,
      fitted: outcome.result,
      jobId: job.id,
      by: job.submittedBy,
    };
    return { type: 'succeeded', metrics: {}, commit: (scope) => this.leaderboards.keep(scope, fit) };
  }
}
