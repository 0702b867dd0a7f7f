import { IsIn, IsInt, IsOptional } from 'class-validator';
import type { MetaModel } from '#libs/inference';
import { ComputeContract } from '../../platform/compute/compute-contract.js';
import { toJobBody } from '../../platform/jobs/job-body.js';
import { JobKind } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import {
  type EnsembleEvaluation,
  type EvaluatedMember,
  LEARNING_METHODS,
  type LearningMethod,
} from '../models/model.entity.js';
import {
  LabelledTableSpec,
  LabelledTableSummary,
  limitsOfLabelledTables,
} from '../serving/labelled-tables.service.js';
import type { EnsembleFitJobBody, LeaderboardBody } from './ensemble-fits.dto.js';

/** The version is the newest when the job was submitted, whose members are scored. */
export class EnsembleFitSpec extends LabelledTableSpec {
  @IsIn(LEARNING_METHODS)
  method: LearningMethod;

  /** Of greedy. */
  @IsOptional()
  @IsInt()
  rounds?: number;

  @IsInt()
  folds: number;
}

export const ENSEMBLE_FIT = new JobKind<EnsembleFitSpec, never, LeaderboardBody, LabelledTableSummary>({
  name: 'ensemble-fit',
  prefix: 'fit',
  collection: '/api/v1/ensemble-fits',
  spec: EnsembleFitSpec,
  summary: LabelledTableSummary,
  request: ({ model_id, version, method, rounds, folds, ...data_config }) => ({
    ensemble_id: model_id,
    version,
    method,
    rounds,
    folds,
    data_config,
  }),
  limits: limitsOfLabelledTables,
});

/** `ensemble_fit_result` of contracts/job-event.v1.schema.json. */
export interface FittedEnsemble extends Omit<EnsembleEvaluation, 'members'> {
  /** Of stacking, else null. */
  readonly meta: MetaModel | null;
  readonly members: readonly Omit<EvaluatedMember, 'model_id' | 'version' | 'has_seen_rows'>[];
}

export const ENSEMBLE_FIT_CONTRACT = new ComputeContract<never, FittedEnsemble>({
  spec: 'labelled-spec.v1',
  kind: 'ensemble-fit',
  result: 'ensemble_fit_result',
});

export function toEnsembleFitJobBody(
  job: Job<LabelledTableSummary, never, LeaderboardBody>,
): EnsembleFitJobBody {
  const { model_id, version } = job.spec;
  return { ...toJobBody(job), ensemble_id: model_id, version, result: job.result };
}
