import { ComputeContract } from '../../platform/compute/compute-contract.js';
import { toJobBody } from '../../platform/jobs/job-body.js';
import { JobKind } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import type { CalibrationBody } from '../models/certainty/calibration.dto.js';
import type { MeasuredCertainty } from '../models/certainty/version-certainty.entity.js';
import {
  LabelledTableSpec,
  LabelledTableSummary,
  limitsOfLabelledTables,
} from '../serving/labelled-tables.service.js';
import type { CalibrationJobBody } from './calibrations.dto.js';

export const CALIBRATION = new JobKind<LabelledTableSpec, never, CalibrationBody, LabelledTableSummary>({
  name: 'calibration',
  prefix: 'calib',
  collection: '/api/v1/calibrations',
  spec: LabelledTableSpec,
  summary: LabelledTableSummary,
  request: ({ model_id, version, ...data_config }) => ({ model_id, version, data_config }),
  limits: limitsOfLabelledTables,
});

export const CALIBRATION_CONTRACT = new ComputeContract<never, MeasuredCertainty>({
  spec: 'labelled-spec.v1',
  kind: 'calibration',
  result: 'calibration_result',
});

export function toCalibrationJobBody(
  job: Job<LabelledTableSummary, never, CalibrationBody>,
): CalibrationJobBody {
  const { model_id, version } = job.spec;
  return { ...toJobBody(job), model_id, version, result: job.result };
}
