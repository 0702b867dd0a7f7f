import { IsInt } from 'class-validator';
import { ComputeContract } from '../../platform/compute/compute-contract.js';
import { toJobBody } from '../../platform/jobs/job-body.js';
import { JobKind } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import type { EnsembleEvaluation, EvaluatedMember } from '../models/model.entity.js';
import {
  LabelledTableSpec,
  LabelledTableSummary,
  limitsOfLabelledTables,
} from '../serving/labelled-tables.service.js';
import type { EnsembleFitJobBody, LeaderboardBody } from './ensemble-fits.dto.js';

/** The version is the newest when the job was submitted, whose members are scored. */
export class EnsembleFitSpec extends LabelledTableSpec {
  @IsInt()
  rounds: number;
}

export const ENSEMBLE_FIT = new JobKind<EnsembleFitSpec, never, LeaderboardBody, LabelledTableSummary>({
  name: 'ensemble-fit',
  prefix: 'fit',
  collection: '/api/v1/ensemble-fits',
  spec: EnsembleFitSpec,
  summary: LabelledTableSummary,
  request: ({ model_id, version, rounds, ...data_config }) => ({
    ensemble_id: model_id,
    version,
    method: 'greedy',
    rounds,
    data_config,
  }),
  limits: limitsOfLabelledTables,
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
  job: Job<LabelledTableSummary, never, LeaderboardBody>,
): EnsembleFitJobBody {
  const { model_id, version } = job.spec;
  return { ...toJobBody(job), ensemble_id: model_id, version, result: job.result };
}
