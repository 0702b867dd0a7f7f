import { Injectable } from '@nestjs/common';
import type { Identity } from '../../platform/auth/identity.js';
import { invalid, Problem, unfit } from '../../platform/errors/problem.js';
import { JobReruns } from '../../platform/jobs/job-reruns.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { StudyRequests } from './study-requests.js';
import { StudySpecs } from './study-specs.js';
import { type AddTrialsDto, MAX_TRIALS, SubmitTuningDto } from './submit-tuning.dto.js';
import type { ListTrialsQuery, TrialPage, TrialsParquetBody } from './trials/trials.dto.js';
import { TrialsService } from './trials/trials.service.js';
import { toTuningBody, TUNING } from './tuning-job.js';
import type { RerunTuningBody, SubmittedTuningBody, TuningBody } from './tuning.dto.js';

/** Studies of hyperparameters as their tenant uses them. */
@Injectable()
export class TuningService {
  constructor(
    private readonly jobs: JobsService,
    private readonly requests: StudyRequests,
    private readonly specs: StudySpecs,
    private readonly trials: TrialsService,
    private readonly reruns: JobReruns,
  ) {}

  /** @throws Problem as `StudyRequests.specify` */
  async submit(caller: Identity, dto: SubmitTuningDto, rerunOf?: string): Promise<SubmittedTuningBody> {
    const { spec, warnings } = await this.requests.specify(caller.tenant, dto);
    const submission = { spec, warnings, request: dto, rerunOf, by: caller };
    const job = await this.jobs.submit(caller.tenant, TUNING, submission);
    return { job_id: job.id, status: job.status, model_name: spec.model_name, warnings };
  }

  /**
   * Submits a study's request again, with changes.
   * @throws Problem as `submit` and `JobReruns.request`
   */
  async rerun(caller: Identity, id: string, changes: unknown): Promise<RerunTuningBody> {
    const dto = await this.reruns.request(caller.tenant, TUNING, id, SubmitTuningDto, changes);
    return { ...(await this.submit(caller, dto, id)), rerun_of: id };
  }

  /**
   * Gives a study that has not ended more trials: one that runs goes on with them.
   * @throws Problem 404, 409 where it has ended or shall be cancelled, 422 past the most that a study may have
   */
  async addTrials({ tenant }: Identity, id: string, { add_trials }: AddTrialsDto): Promise<TuningBody> {
    const job = await this.jobs.amend(tenant, TUNING, id, (spec) => {
      const num_trials = spec.num_trials + add_trials;
      if (num_trials > MAX_TRIALS) {
        const room = MAX_TRIALS - spec.num_trials;
        throw unfit('/add_trials', `must be at most ${room}: a study has at most ${MAX_TRIALS} trials`);
      }
      return { ...spec, num_trials };
    });
    // An attempt that does not hear of it ends with fewer than the row says, and another one goes on.
    await this.specs.tellTrials({ tenant, id }, job.spec.num_trials);
    return toTuningBody(job);
  }

  /** @throws Problem 404; 400 where some trials are asked for as a file, 409 where there is no file of all */
  async listTrials(
    tenant: string,
    id: string,
    query: ListTrialsQuery,
  ): Promise<TrialPage | TrialsParquetBody> {
    const job = await this.jobs.get(tenant, TUNING, id);
    if (query.format !== 'parquet') return this.trials.list(tenant, job, job.spec.objectives.length, query);
    for (const name of ['state', 'cursor'] as const)
      if (query[name] !== undefined)
        throw invalid(name, 'must not be given with parquet, which has all trials');
    if (job.result) return job.result.trials_file;
    throw new Problem(
      'JOB_STATE_CONFLICT',
      `Trials are written as Parquet when their study succeeds, and this one is ${job.status}; read them page by page.`,
    );
  }
}
