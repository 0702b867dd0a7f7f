import { IsArray, IsBoolean, IsIn, IsObject, IsOptional, IsString } from 'class-validator';
import { FeatureJobsConfig } from '../../../config/index.js';
import { ComputeContract } from '../../../platform/compute/compute-contract.js';
import { toJobBody } from '../../../platform/jobs/job-body.js';
import { configuredLimits, JobKind } from '../../../platform/jobs/job-kind.js';
import type { Job } from '../../../platform/jobs/job.entity.js';
import { DATA_FORMATS, type DataFormat } from '../../../platform/storage/data-files.js';
import { TENANTS_BUCKET } from '../../../platform/storage/grants.js';
import type { ServiceFeature } from '../definitions/definitions.js';
import type { WrittenFile } from '../../../platform/jobs/attempt-files.js';
import type { ViewsProgressBody } from '../offline/views-progress.dto.js';
import type { HistoricalBody, HistoricalResultBody, JoinedViewBody } from './historical.dto.js';

/** What answers show of the spec of a historical set. */
export class HistoricalSummary {
  @IsString()
  name: string;

  /** Address of the file; null: in the tenant's own folder, under the id of the job. */
  @IsOptional()
  @IsString()
  output_path: string | null;
}

/** What the row of a historical set keeps of its request, checked and with the choices made. */
export class HistoricalSpec extends HistoricalSummary {
  @IsOptional()
  @IsString()
  feature_service: string | null;

  /** References name their versions: later changes of the service or of its views change nothing for this job. */
  @IsArray()
  @IsObject({ each: true })
  features: ServiceFeature[];

  /** null: they lie at `entity_path`. */
  @IsOptional()
  @IsArray()
  @IsObject({ each: true })
  entity_rows: Record<string, unknown>[] | null;

  /** Columns of these rows in the order of their names in the request, which jsonb does not keep. */
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  entity_columns: string[] | null;

  @IsOptional()
  @IsString()
  entity_path: string | null;

  @IsOptional()
  @IsIn(DATA_FORMATS)
  entity_format: DataFormat | null;

  @IsString()
  timestamp_column: string;

  @IsBoolean()
  ignore_created: boolean;

  @IsBoolean()
  overwrite: boolean;
}

export const HISTORICAL = new JobKind<
  HistoricalSpec,
  ViewsProgressBody,
  HistoricalResultBody,
  HistoricalSummary
>({
  name: 'feature-historical',
  prefix: 'hist',
  collection: '/api/v1/features/historical',
  spec: HistoricalSpec,
  summary: HistoricalSummary,
  writes: true,
  request: ({ entity_columns: _, ...spec }) => spec,
  limits: (config) => {
    const jobs = config.get(FeatureJobsConfig);
    return configuredLimits(config, jobs, jobs.threads);
  },
});

/** What the engine returns: `historical_result` of contracts/job-event.v1.schema.json. */
export interface JoinedFile {
  file: WrittenFile;
  rows: number;
  columns: { name: string; type: string }[];
  data_sha256: string;
  views: JoinedViewBody[];
}

export const HISTORICAL_CONTRACT = new ComputeContract<ViewsProgressBody, JoinedFile>({
  spec: 'features-spec.v1',
  kind: 'historical',
  progress: 'feature_progress',
  result: 'historical_result',
});

export function toHistoricalBody(
  job: Job<HistoricalSummary, ViewsProgressBody, HistoricalResultBody>,
): HistoricalBody {
  const { progress, result } = job;
  return { ...toJobBody(job), name: job.spec.name, output_path: outputOf(job), progress, result };
}

/** Address of the file that a job makes. */
export function outputOf({
  tenantId,
  id,
  spec,
}: Pick<Job<HistoricalSummary>, 'tenantId' | 'id' | 'spec'>): string {
  return spec.output_path ?? `s3://${TENANTS_BUCKET}/${tenantId}/feature-sets/${spec.name}/${id}.parquet`;
}
