import { IsOptional, IsString } from 'class-validator';
import { JobsConfig } from '../../../config/index.js';
import { toJobBody } from '../../../platform/jobs/job-body.js';
import { JobKind } from '../../../platform/jobs/job-kind.js';
import type { Job } from '../../../platform/jobs/job.entity.js';
import type { ExportResult, PredictionExportBody } from './prediction-export.dto.js';

/** What the row of an export keeps of its request. */
export class PredictionExportSpec {
  @IsString()
  model_id: string;

  @IsString()
  output_path: string;

  @IsOptional()
  @IsString()
  from: string | null;

  /** Fixed when the request came, so that every attempt writes the same. */
  @IsString()
  to: string;

  @IsOptional()
  @IsString()
  version: string | null;
}

/** It takes no room: it reads and writes page by page within the worker's own process. */
export const PREDICTION_EXPORT = new JobKind<PredictionExportSpec, never, ExportResult>({
  name: 'prediction-export',
  prefix: 'export',
  collection: '/api/v1/predictions/exports',
  spec: PredictionExportSpec,
  summary: PredictionExportSpec,
  writes: true,
  limits: (config) => ({
    concurrency: 1,
    maxRunSeconds: 24 * 3600,
    keptSeconds: config.get(JobsConfig).keptSeconds,
    cpus: 0,
    memoryBytes: 0,
  }),
});

export function toBody(job: Job<PredictionExportSpec, never, ExportResult>): PredictionExportBody {
  const { model_id, output_path, from, to, version } = job.spec;
  return { ...toJobBody(job), model_id, output_path, from, to, version, result: job.result };
}
