import { IsArray, IsBoolean, IsOptional, IsString } from 'class-validator';
import { FeatureJobsConfig } from '../../../config/index.js';
import { ComputeContract } from '../../../platform/compute/compute-contract.js';
import { toJobBody } from '../../../platform/jobs/job-body.js';
import { configuredLimits, JobKind } from '../../../platform/jobs/job-kind.js';
import type { Job } from '../../../platform/jobs/job.entity.js';
import type { ViewsProgressBody } from '../offline/views-progress.dto.js';
import type {
  MaterializationBody,
  MaterializationResultBody,
  MaterializedViewBody,
} from './materialization.dto.js';

/** What the row of a materialization keeps of its request, with the choices made. */
export class MaterializationSpec {
  /** `name@v2`: promoting another version changes nothing for this job. */
  @IsArray()
  @IsString({ each: true })
  feature_views: string[];

  @IsBoolean()
  incremental: boolean;

  /** null: from the first row, or of an incremental run from where the last one ended. */
  @IsOptional()
  @IsString()
  start: string | null;

  /** null: when an attempt begins. */
  @IsOptional()
  @IsString()
  end: string | null;
}

export const MATERIALIZATION = new JobKind<MaterializationSpec, ViewsProgressBody, MaterializationResultBody>(
  {
    name: 'feature-materialization',
    prefix: 'mat',
    collection: '/api/v1/features/materialize',
    spec: MaterializationSpec,
    summary: MaterializationSpec,
    writes: true,
    limits: (config) => {
      const jobs = config.get(FeatureJobsConfig);
      return configuredLimits(config, jobs, jobs.threads);
    },
  },
);

/** What the engine tells of one view: `materialization_result` of contracts/job-event.v1.schema.json. */
export type MaterializedView = Omit<MaterializedViewBody, 'start' | 'end' | 'quarantine_path'> & {
  quarantine_file: { name: string; size_bytes: number; sha256: string } | null;
  statistics: Record<string, Record<string, unknown>>;
};

export const MATERIALIZATION_CONTRACT = new ComputeContract<ViewsProgressBody, { views: MaterializedView[] }>(
  {
    spec: 'features-spec.v1',
    kind: 'materialization',
    progress: 'feature_progress',
    result: 'materialization_result',
  },
);

export function toMaterializationBody(
  job: Job<MaterializationSpec, ViewsProgressBody, MaterializationResultBody>,
): MaterializationBody {
  return { ...toJobBody(job), ...job.spec, progress: job.progress, result: job.result };
}
