import { IsArray, IsBoolean, IsIn, IsInt, IsNumber, IsObject, IsOptional, IsString } from 'class-validator';
import { TuningConfig } from '../../config/index.js';
import { ComputeContract } from '../../platform/compute/compute-contract.js';
import { toJobBody, toTrainedBody } from '../../platform/jobs/job-body.js';
import { configuredLimits, JobKind } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import type { TrainedModel } from '../training/trained-versions.service.js';
import { TrainingSpec } from '../training/training-spec.dto.js';
import type { Constraint, Objective } from './objectives.js';
import type { SpaceParameter } from './search-space.js';
import { type Algorithm, ALGORITHMS, type Pruner, PRUNERS, type Refit, REFITS } from './submit-tuning.dto.js';
import type {
  BestTrialBody,
  ImprovementBody,
  TrialCountsBody,
  TrialsFileBody,
  TuningBody,
  TuningResultBody,
} from './tuning.dto.js';

/** What answers show of the spec of a study. */
export class TuningSummary {
  @IsString()
  model_name: string;

  @IsString()
  framework: string;

  @IsString()
  estimator: string;

  @IsIn(ALGORITHMS)
  algorithm: Algorithm;

  @IsArray()
  @IsObject({ each: true })
  objectives: Objective[];

  @IsInt()
  num_trials: number;
}

/** What the row of a study keeps of its request, checked and with the choices made; `hyperparameters` are fixed. */
export class TuningSpec extends TrainingSpec implements TuningSummary {
  @IsArray()
  @IsObject({ each: true })
  space: SpaceParameter[];

  @IsIn(ALGORITHMS)
  algorithm: Algorithm;

  @IsIn(PRUNERS)
  pruner: Pruner;

  @IsArray()
  @IsObject({ each: true })
  objectives: Objective[];

  @IsArray()
  @IsObject({ each: true })
  constraints: Constraint[];

  @IsOptional()
  @IsInt()
  cv_folds: number | null;

  @IsInt()
  num_trials: number;

  @IsInt()
  max_concurrent_trials: number;

  @IsOptional()
  @IsNumber()
  max_minutes: number | null;

  @IsOptional()
  @IsNumber()
  target: number | null;

  @IsOptional()
  @IsInt()
  no_improvement_trials: number | null;

  @IsOptional()
  @IsNumber()
  trial_timeout_seconds: number | null;

  @IsNumber()
  max_failed_share: number;

  @IsInt()
  seed: number;

  @IsBoolean()
  deterministic: boolean;

  @IsInt()
  lag: number;

  @IsArray()
  @IsObject({ each: true })
  initial_trials: Record<string, unknown>[];

  @IsArray()
  @IsString({ each: true })
  parents: string[];

  @IsInt()
  top_k: number;

  @IsIn(REFITS)
  refit_on: Refit;
}

/** `study_progress` of contracts/job-event.v1.schema.json. */
export interface StudyProgress {
  phase: TuningBody['phase'];
  trials: TrialCountsBody;
  num_trials: number;
  best: BestTrialBody | null;
  history: ImprovementBody[];
  estimated_completion: string | null;
}

/** What a study has found. */
interface Findings extends Omit<TuningResultBody, 'model_id' | 'version' | 'versions' | 'trials_file'> {
  trials: TrialCountsBody;
  best: BestTrialBody | null;
  history: ImprovementBody[];
}

/** What the engine returns: `tuning_result` of contracts/job-event.v1.schema.json. */
export interface StudyResult extends Findings {
  num_trials: number;
  versions: { number: number; folder: string; trained: TrainedModel }[];
  trials_file: Omit<TrialsFileBody, 'uri'> & { name: string };
}

/** What the row of a study that has succeeded keeps. */
export type TuningResult = Findings & TuningResultBody;

/** The request as it was understood, without what it leaves open: it could be submitted as it is. */
function toTuningRequest({ space, hyperparameters, ...spec }: TuningSpec): object {
  const search_space = Object.fromEntries(space.map(({ name, ...range }) => [name, range]));
  const said = Object.entries(spec).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(said), fixed_parameters: hyperparameters, search_space };
}

export const TUNING = new JobKind<TuningSpec, StudyProgress, TuningResult, TuningSummary>({
  name: 'tuning',
  prefix: 'tune',
  collection: '/api/v1/tuning',
  writes: true,
  spec: TuningSpec,
  summary: TuningSummary,
  request: toTuningRequest,
  limits: (config) => configuredLimits(config, config.get(TuningConfig)),
  needs: (spec) => ({ cpus: spec.max_concurrent_trials * cpusOfTrial(spec) }),
  canPause: true,
  canGiveWay: true,
});

/** CPUs that one trial of a study takes. */
export function cpusOfTrial({ training_config }: TuningSpec): number {
  return training_config.num_workers ?? 1;
}

export const TUNING_CONTRACT = new ComputeContract<StudyProgress, StudyResult>({
  spec: 'tuning-spec.v1',
  kind: 'tuning',
  progress: 'study_progress',
  result: 'tuning_result',
});

const NO_TRIALS: TrialCountsBody = { running: 0, succeeded: 0, pruned: 0, failed: 0 };

export function toTuningBody(job: Job<TuningSummary, StudyProgress, TuningResult>): TuningBody {
  const { model_name, framework, estimator, algorithm, objectives, num_trials } = job.spec;
  const { progress, result } = job;
  const told = result ?? progress;
  return {
    ...toJobBody(job),
    ...toTrainedBody(job),
    ...{ model_name, framework, estimator, algorithm, objectives, num_trials },
    phase: progress?.phase ?? null,
    // Nothing of a study runs that is paused, waits, or has ended, whatever it told last.
    trials: { ...(told?.trials ?? NO_TRIALS), ...(job.status !== 'running' && { running: 0 }) },
    best: told?.best ?? null,
    history: told?.history ?? [],
    estimated_completion:
      job.endedAt?.toISOString() ??
      (job.status === 'running' ? (progress?.estimated_completion ?? null) : null),
    result: result && toResultBody(result),
  };
}

function toResultBody({
  trials: _trials,
  best: _best,
  history: _history,
  ...made
}: TuningResult): TuningResultBody {
  return made;
}
