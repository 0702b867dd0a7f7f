import { IsIn, IsInt, IsOptional, IsString } from 'class-validator';
import { JobsConfig, TrainingConfig } from '../../config/index.js';
import { ComputeContract } from '../../platform/compute/compute-contract.js';
import { toJobBody } from '../../platform/jobs/job-body.js';
import { JobKind } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import { DATA_FORMATS, type DataFormat } from '../../platform/storage/data-files.js';
import type { EnsembleEvaluation, EvaluatedMember } from '../models/model.entity.js';
import type { EnsembleFitJobBody, LeaderboardBody } from './ensemble-fits.dto.js';

/** What answers show of the spec of a fit. */
export class EnsembleFitSummary {
  /** The ensemble. */
  @IsString()
  model_id: string;

  /** The version whose members are scored: the newest when the job was submitted. */
  @IsString()
  version: string;
}

/** What the row of a fit keeps of its request, checked and with the choices made. */
export class EnsembleFitSpec extends EnsembleFitSummary {
  @IsString()
  validation_path: string;

  @IsString()
  target_column: string;

  @IsOptional()
  @IsIn(DATA_FORMATS)
  format: DataFormat | null;

  @IsInt()
  rounds: number;
}

/** The members score a labelled table as a batch does, which takes the room of a training. */
export const ENSEMBLE_FIT = new JobKind<EnsembleFitSpec, never, LeaderboardBody, EnsembleFitSummary>({
  name: 'ensemble-fit',
  prefix: 'fit',
  collection: '/api/v1/ensemble-fits',
  spec: EnsembleFitSpec,
  summary: EnsembleFitSummary,
  request: ({ model_id, version, rounds, ...data_config }) => ({
    ensemble_id: model_id,
    version,
    method: 'greedy',
    rounds,
    data_config,
  }),
  limits: (config) => {
    const { concurrency, maxRunSeconds, memoryBytes } = config.get(TrainingConfig);
    return {
      concurrency,
      maxRunSeconds,
      memoryBytes,
      cpus: 1,
      keptSeconds: config.get(JobsConfig).keptSeconds,
    };
  },
});

/** `ensemble_fit_result` of contracts/job-event.v1.schema.json. */
export interface FittedWeights extends Omit<EnsembleEvaluation, 'members'> {
  readonly members: readonly Omit<EvaluatedMember, 'model_id' | 'version' | 'has_seen_rows'>[];
}

export const ENSEMBLE_FIT_CONTRACT = new ComputeContract<never, FittedWeights>({
  spec: 'labelled-spec.v1',
  kind: 'ensemble-fit',
  result: 'ensemble_fit_result',
});

export function toEnsembleFitJobBody(
  job: Job<EnsembleFitSummary, never, LeaderboardBody>,
): EnsembleFitJobBody {
  const { model_id, version } = job.spec;
  return { ...toJobBody(job), ensemble_id: model_id, version, result: job.result };
}
