import { Injectable } from '@nestjs/common';
import { formatObjectUri, type ObjectAddress } from '#libs/object-store';
import { Compute } from '../../platform/compute/compute.js';
import type { TenantScope } from '../../platform/database/database.js';
import { AttemptFiles } from '../../platform/jobs/attempt-files.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { GoesOn, Handles, type JobHandler, type Outcome } from '../../platform/jobs/job-handlers.js';
import type { AttemptRef } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import { JobsService } from '../../platform/jobs/jobs.service.js';
import { TENANTS_BUCKET } from '../../platform/storage/grants.js';
import { TrainedVersionsService } from '../training/trained-versions.service.js';
import { readerOf, TrainingDataService } from '../training/training-data.service.js';
import { StudySpecs } from './study-specs.js';
import { TrialsService } from './trials/trials.service.js';
import {
  type StudyProgress,
  type StudyResult,
  TUNING,
  TUNING_CONTRACT,
  type TuningResult,
  type TuningSpec,
} from './tuning-job.js';
import type { StudyVersionBody, TrialsFileBody } from './tuning.dto.js';

type TuningAttempt = JobAttempt<TuningSpec, StudyProgress>;

/** Runs studies on an engine, keeps their trials, and publishes the best of them. */
@Injectable()
@Handles(TUNING)
export class TuningProcessor implements JobHandler<TuningSpec, StudyProgress, TuningResult> {
  constructor(
    private readonly compute: Compute,
    private readonly jobs: JobsService,
    private readonly data: TrainingDataService,
    private readonly specs: StudySpecs,
    private readonly trials: TrialsService,
    private readonly versions: TrainedVersionsService,
    private readonly files: AttemptFiles,
  ) {}

  async run(attempt: TuningAttempt): Promise<Outcome<TuningResult>> {
    const { claim, job } = attempt;
    const input = await this.data.findAll(readerOf(attempt), job.spec);
    const known = await this.trials.begin(claim.tenant, claim.id);
    attempt.keepEvents((scope, events) => this.trials.keep(scope, claim.id, events));
    const spec = await this.specs.make(attempt, input, known);
    const outcome = await this.compute.run(attempt, TUNING_CONTRACT, spec);
    if (outcome.type !== 'succeeded') return outcome;
    const { versions, trials_file, num_trials, ...findings } = outcome.result;
    const models = versions.map(({ number, ...model }) => ({ ...model, lineage: { trial: number } }));
    const made = await this.versions.prepare(attempt, models);
    const trialsFile = await this.publishTrials(claim, trials_file);
    const commit = async (scope: TenantScope, row: Job): Promise<TuningResult> => {
      if (TUNING.read(row).spec.num_trials > num_trials) throw new GoesOn('it was given more trials');
      const published: StudyVersionBody[] = [];
      // The newest version may be the one that answers by default: the best comes last.
      for (let at = made.length - 1; at >= 0; at--) {
        const { model_id, version } = await this.versions.publish(scope, attempt, made[at]!, input);
        published.unshift({ number: versions[at]!.number, model_id, version });
      }
      const { model_id = null, version = null } = published[0] ?? {};
      return { model_id, version, versions: published, ...findings, trials_file: trialsFile };
    };
    return { type: 'succeeded', metrics: versions[0]?.trained.metrics ?? {}, commit };
  }

  /** The journal and the trials of parents are for the next attempt, and for nobody once the study has ended. */
  async cleanUp(claim: AttemptRef): Promise<void> {
    await this.versions.cleanUp(claim);
    const { endedAt } = await this.jobs.get(claim.tenant, TUNING, claim.id);
    if (endedAt) await this.files.clearJob(claim);
  }

  /** Puts the file of all trials where its tenant can read it; doing it again replaces it. */
  private async publishTrials(claim: AttemptRef, file: StudyResult['trials_file']): Promise<TrialsFileBody> {
    const { tenant, id } = claim;
    const { name, size_bytes, sha256 } = file;
    const to: ObjectAddress = { bucket: TENANTS_BUCKET, key: `${tenant}/${TUNING.name}/${id}/${name}` };
    await this.files.copy(claim, file, to, true);
    return { uri: formatObjectUri(to), size_bytes, sha256 };
  }
}
