import type { Job } from '../../../platform/jobs/job.entity.js';
import { toJobBody } from '../../../platform/jobs/job-body.js';
import type { JobKind } from '../../../platform/jobs/job-kind.js';
import type { ExportResult, PredictionExportBody } from './prediction-export.dto.js';

export const PREDICTION_EXPORT: JobKind = { name: 'prediction-export', prefix: 'export' };

/** What the row of an export keeps of its request. */
export interface PredictionExportSpec {
  model_id: string;
  output_path: string;
  from: string | null;
  /** Fixed when the request came, so that every attempt writes the same. */
  to: string;
  version: string | null;
}

export function specOf(job: Job): PredictionExportSpec {
  return job.spec as unknown as PredictionExportSpec;
}

export function toBody(job: Job): PredictionExportBody {
  const { model_id, output_path, from, to, version } = specOf(job);
  return {
    ...toJobBody(job),
    model_id,
    output_path,
    from,
    to,
    version,
    result: job.result as unknown as ExportResult | null,
  };
}
