import { Injectable } from '@nestjs/common';
import { Compute } from '../../platform/compute/compute.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import { LabelledTablesService } from '../serving/labelled-tables.service.js';
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
    private readonly tables: LabelledTablesService,
    private readonly leaderboards: LeaderboardsService,
  ) {}

  async run(attempt: EnsembleFitAttempt): Promise<Outcome<LeaderboardBody>> {
    const { claim, job } = attempt;
    const { files, resolved, engineSpec } = await this.tables.find(claim.tenant, ENSEMBLE_FIT, job.spec);
    const { rounds } = job.spec;
    const outcome = await this.compute.run(attempt, ENSEMBLE_FIT_CONTRACT, { ...engineSpec, rounds });
    if (outcome.type !== 'succeeded') return outcome;
    const answered = resolved.members!.map((member) => member.servable);
    const { result: weights } = outcome;
    const fit = { spec: job.spec, answered, files, weights, jobId: job.id, by: job.submittedBy };
    return { type: 'succeeded', metrics: {}, commit: (scope) => this.leaderboards.keep(scope, fit) };
  }
}
