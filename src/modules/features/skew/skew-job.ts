import { IsArray, IsObject, IsString } from 'class-validator';
import { FeatureJobsConfig } from '../../../config/index.js';
import { ComputeContract } from '../../../platform/compute/compute-contract.js';
import { toJobBody } from '../../../platform/jobs/job-body.js';
import { configuredLimits, JobKind } from '../../../platform/jobs/job-kind.js';
import type { Job } from '../../../platform/jobs/job.entity.js';
import type { ServiceFeature } from '../definitions/definitions.js';
import type { ViewsProgressBody } from '../offline/views-progress.dto.js';
import type { SkewBody, SkewedFeatureBody, SkewReportBody } from './skew.dto.js';

/** What answers show of the spec of a report. */
export class SkewSummary {
  @IsString()
  model_id: string;

  @IsString()
  version: string;

  @IsString()
  from: string;

  @IsString()
  to: string;
}

/** What the row of a report keeps of its request, with the choices made. */
export class SkewSpec extends SkewSummary {
  @IsString()
  feature_service: string;

  /** Features that the version was trained on. */
  @IsArray()
  @IsObject({ each: true })
  features: ServiceFeature[];
}

export const SKEW = new JobKind<SkewSpec, ViewsProgressBody, SkewReportBody, SkewSummary>({
  name: 'feature-skew',
  prefix: 'skew',
  collection: '/api/v1/features/skew',
  spec: SkewSpec,
  summary: SkewSummary,
  limits: (config) => {
    const jobs = config.get(FeatureJobsConfig);
    return configuredLimits(config, jobs, jobs.threads);
  },
});

/** A row that differs, as the engine tells it: beside these, the columns that it is told by. */
export interface ToldRow extends Pick<
  SkewedFeatureBody['worst'][number],
  'online' | 'offline' | 'difference'
> {
  readonly [column: string]: unknown;
}

/** What the engine returns: `skew_result` of contracts/job-event.v1.schema.json. */
export type ComparedRows = Pick<SkewReportBody, 'rows' | 'relative_tolerance' | 'views'> & {
  features: (Omit<SkewedFeatureBody, 'worst'> & { worst: ToldRow[] })[];
};

export const SKEW_CONTRACT = new ComputeContract<ViewsProgressBody, ComparedRows>({
  spec: 'features-spec.v1',
  kind: 'skew',
  progress: 'feature_progress',
  result: 'skew_result',
});

export function toSkewBody(job: Job<SkewSummary, ViewsProgressBody, SkewReportBody>): SkewBody {
  return { ...toJobBody(job), ...job.spec, progress: job.progress, result: job.result };
}
