import { Inject, Injectable } from '@nestjs/common';
import { formatObjectUri, type ObjectAddress, ObjectExists, type ObjectStore } from '#libs/object-store';
import { JobsConfig } from '../../config/index.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import { folderOfJob, outputOfAttempt } from '../../platform/jobs/job-folders.js';
import type { AttemptRef, JobRef } from '../../platform/jobs/job-kind.js';
import { JobKinds } from '../../platform/jobs/job-kinds.js';
import { PLATFORM_BUCKET } from '../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../platform/storage/object-store.token.js';
import { TrainerSpecsService } from '../training/trainer-specs.service.js';
import type { TrainingInput } from '../training/training-data.service.js';
import { TrialsService } from './trials/trials.service.js';
import { cpusOfTrial, TUNING, type TuningSpec } from './tuning-job.js';

/** What the trainer is told of an attempt of a study: contracts/tuning-spec.v1.schema.json. */
@Injectable()
export class StudySpecs {
  constructor(
    private readonly specs: TrainerSpecsService,
    private readonly trials: TrialsService,
    private readonly kinds: JobKinds,
    private readonly config: JobsConfig,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
  ) {}

  /** @param trialsKnown ended trials of earlier attempts that are kept */
  async make(
    { claim, job }: JobAttempt<TuningSpec>,
    input: TrainingInput,
    trialsKnown: number,
  ): Promise<object> {
    const { spec } = job;
    const trained = this.specs.make(spec, input, outputOfAttempt(claim), this.memoryBytes);
    const parents = [];
    for (const id of spec.parents) parents.push({ job_id: id, uri: await this.tellParent(claim, id) });
    const { space, algorithm, pruner, objectives, constraints, cv_folds, seed, deterministic, lag } = spec;
    const { num_trials, max_minutes, target, no_improvement_trials, trial_timeout_seconds } = spec;
    const { max_failed_share, initial_trials, top_k, refit_on } = spec;
    return {
      ...trained,
      state_uri: formatObjectUri(stateOf(claim, '')),
      trials_known: trialsKnown,
      search: {
        ...{ space, algorithm, pruner, objectives, constraints, cv_folds, seed, deterministic, lag },
        ...{ num_trials, max_minutes, target, no_improvement_trials, trial_timeout_seconds },
        ...{ max_failed_share, initial_trials, parents },
        max_concurrent_trials: this.trialsAtOnce(spec),
      },
      finish: { top_k, refit_on },
    };
  }

  /** Lets an attempt that runs know that more trials are wanted. */
  async tellTrials(job: JobRef, numTrials: number): Promise<void> {
    const content = Buffer.from(JSON.stringify({ num_trials: numTrials }));
    await this.store.put(stateOf(job, 'num_trials.json'), content);
  }

  private get memoryBytes(): number {
    return this.kinds.limitsOf(TUNING).memoryBytes;
  }

  /** More would only take memory: none of them would have a CPU. */
  private trialsAtOnce(spec: TuningSpec): number {
    const places = Math.floor(this.config.workerCpus / cpusOfTrial(spec));
    return Math.max(1, Math.min(spec.max_concurrent_trials, places));
  }

  /**
   * Writes the ended trials of another study once for all attempts, as lines of JSON: one that still runs would else tell
   * a later attempt of more of them.
   */
  private async tellParent(claim: AttemptRef, parent: string): Promise<string> {
    const address = stateOf(claim, `parents/${parent}.jsonl`);
    const lines: string[] = [];
    for await (const trial of this.trials.ended(claim.tenant, parent))
      lines.push(`${JSON.stringify(trial)}\n`);
    await this.store.put(address, Buffer.from(lines.join('')), { ifAbsent: true }).catch((error: unknown) => {
      if (!(error instanceof ObjectExists)) throw error;
    });
    return formatObjectUri(address);
  }
}

/** Address of what all attempts of a study share. */
function stateOf(job: JobRef, name: string): ObjectAddress {
  return { bucket: PLATFORM_BUCKET, key: `${folderOfJob(job)}/study/${name}` };
}
