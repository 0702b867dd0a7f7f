import { IsArray, IsBoolean, IsIn, IsInt, IsNumber, IsOptional, IsString } from 'class-validator';
import { BatchConfig } from '../../../config/index.js';
import { ComputeContract } from '../../../platform/compute/compute-contract.js';
import { durationMinutes, toJobBody } from '../../../platform/jobs/job-body.js';
import { configuredLimits, JobKind } from '../../../platform/jobs/job-kind.js';
import type { Job } from '../../../platform/jobs/job.entity.js';
import { DATA_FORMATS, type DataFormat } from '../../../platform/storage/data-files.js';
import type { ManifestPart } from './batch-output.js';
import type { BatchBody, BatchProgressBody, BatchResultBody } from './batch.dto.js';
import type { VersionFeatures } from '../predictions-by-entity.js';
import { OUTPUT_FORMATS, type OutputFormat } from './submit-batch.dto.js';

/** What answers show of the spec of a batch. */
export class BatchSummary {
  @IsString()
  model_id: string;

  /** Chosen when the job was submitted: promoting another one changes nothing for this job. */
  @IsString()
  version: string;

  @IsString()
  input_path: string;

  /** Ends with a slash. */
  @IsString()
  output_path: string;

  @IsString()
  estimated_completion: string;
}

/** What the row of a batch keeps of its request, checked and with the choices made. */
export class BatchSpec extends BatchSummary {
  @IsOptional()
  @IsIn(DATA_FORMATS)
  input_format: DataFormat | null;

  @IsIn(OUTPUT_FORMATS)
  output_format: OutputFormat;

  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  passthrough_columns: string[] | null;

  @IsNumber()
  max_error_share: number;

  @IsBoolean()
  overwrite: boolean;

  @IsBoolean()
  csv_safe: boolean;

  @IsInt()
  batch_rows: number;

  @IsInt()
  part_rows: number;

  /** null or absent: no intervals. */
  @IsOptional()
  @IsNumber()
  return_interval?: number | null;

  /** Joined to the rows, with the versions of views that they are read from; null or absent: the rows have all. */
  @IsOptional()
  @IsArray()
  features?: VersionFeatures | null;

  /** Of the rows: as of when features are joined to each; null or absent: all as of `as_of`. */
  @IsOptional()
  @IsString()
  timestamp_column?: string | null;

  @IsOptional()
  @IsString()
  as_of?: string | null;
}

export interface BatchProgress extends BatchProgressBody {
  estimated_completion: string | null;
}

export const BATCH = new JobKind<BatchSpec, BatchProgress, BatchResultBody, BatchSummary>({
  name: 'batch',
  prefix: 'batch',
  collection: '/api/v1/predictions/batch',
  spec: BatchSpec,
  summary: BatchSummary,
  writes: true,
  request: ({ batch_rows, part_rows: _, estimated_completion: __, features, as_of: ___, ...spec }) => ({
    ...spec,
    batch_size: batch_rows,
    use_feature_service: Boolean(features),
  }),
  canGiveWay: true,
  limits: (config) => {
    const batch = config.get(BatchConfig);
    return configuredLimits(config, batch, batch.threads);
  },
});

/** What scoring returns: `batch_result` of contracts/job-event.v1.schema.json. */
export interface ScoredBatch {
  rows_read: number;
  rows_scored: number;
  rows_failed: number;
  columns: { name: string; type: string }[];
  unseen_values: Record<string, number>;
  parts: ManifestPart[];
  scoring_seconds: number;
  rows_per_second: number;
}

export const BATCH_CONTRACT = new ComputeContract<BatchProgress, ScoredBatch>({
  spec: 'batch-spec.v1',
  kind: 'batch',
  progress: 'row_progress',
  result: 'batch_result',
});

export function toBatchBody(job: Job<BatchSummary, BatchProgress, BatchResultBody>): BatchBody {
  const { model_id, version, input_path, output_path, estimated_completion } = job.spec;
  const { progress } = job;
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
    result: job.result,
  };
}
