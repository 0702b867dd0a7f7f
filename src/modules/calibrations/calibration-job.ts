import { IsIn, IsOptional, IsString } from 'class-validator';
import { JobsConfig, TrainingConfig } from '../../config/index.js';
import { ComputeContract } from '../../platform/compute/compute-contract.js';
import { toJobBody } from '../../platform/jobs/job-body.js';
import { JobKind } from '../../platform/jobs/job-kind.js';
import type { Job } from '../../platform/jobs/job.entity.js';
import { DATA_FORMATS, type DataFormat } from '../../platform/storage/data-files.js';
import type { CalibrationBody } from '../models/certainty/calibration.dto.js';
import type { MeasuredCertainty } from '../models/certainty/version-certainty.entity.js';
import type { CalibrationJobBody } from './calibrations.dto.js';

/** What answers show of the spec of a calibration. */
export class CalibrationSummary {
  @IsString()
  model_id: string;

  @IsString()
  version: string;
}

/** What the row of a calibration keeps of its request, checked and with the choices made. */
export class CalibrationSpec extends CalibrationSummary {
  @IsString()
  validation_path: string;

  @IsString()
  target_column: string;

  @IsOptional()
  @IsIn(DATA_FORMATS)
  format: DataFormat | null;
}

/** A labelled table is scored as a batch is, and takes the room of a training. */
export const CALIBRATION = new JobKind<CalibrationSpec, never, CalibrationBody, CalibrationSummary>({
  name: 'calibration',
  prefix: 'calib',
  collection: '/api/v1/calibrations',
  spec: CalibrationSpec,
  summary: CalibrationSummary,
  request: ({ model_id, version, ...data_config }) => ({ model_id, version, data_config }),
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

export const CALIBRATION_CONTRACT = new ComputeContract<never, MeasuredCertainty>({
  spec: 'labelled-spec.v1',
  kind: 'calibration',
  result: 'calibration_result',
});

export function toCalibrationJobBody(
  job: Job<CalibrationSummary, never, CalibrationBody>,
): CalibrationJobBody {
  const { model_id, version } = job.spec;
  return { ...toJobBody(job), model_id, version, result: job.result };
}
