import { durationMinutes, toJobBody } from '../../../platform/jobs/job-body.js';
import type { JobKind } from '../../../platform/jobs/job-kind.js';
import type { Job, RowProgress } from '../../../platform/jobs/job.entity.js';
import type { DataFormat } from '../../../platform/storage/data-files.js';
import type { BatchBody } from './batch.dto.js';
import type { OutputFormat } from './submit-batch.dto.js';

export const BATCH: JobKind = { name: 'batch', prefix: 'batch' };

/** What the row of a batch keeps of its request, checked and with the choices made. */
export interface BatchSpec {
  model_id: string;
  /** Chosen when the job was submitted: promoting another one changes nothing for this job. */
  version: string;
  input_path: string;
  input_format: DataFormat | null;
  /** Ends with a slash. */
  output_path: string;
  output_format: OutputFormat;
  passthrough_columns: string[] | null;
  max_error_share: number;
  overwrite: boolean;
  csv_safe: boolean;
  batch_rows: number;
  part_rows: number;
  estimated_completion: string;
}

export function specOf(job: Job): BatchSpec {
  return job.spec as unknown as BatchSpec;
}

export function toBatchBody(job: Job): BatchBody {
  const { model_id, version, input_path, output_path, estimated_completion } = specOf(job);
  const progress = job.progress as RowProgress | null;
  return {
    ...toJobBody(job),
    model_id,
    version,
    input_path,
    output_path,
    progress: progress && {
      rows_done: progress.rows_done,
      rows_total: progress.rows_total,
      rows_failed: progress.rows_failed,
      rows_per_second: progress.rows_per_second,
    },
    estimated_completion:
      job.endedAt?.toISOString() ??
      (job.status === 'running'
        ? (progress?.estimated_completion ?? estimated_completion)
        : estimated_completion),
    resources: { workers: job.resources.workers ?? 0, duration_minutes: durationMinutes(job) },
    result: job.result as unknown as BatchBody['result'],
  };
}
