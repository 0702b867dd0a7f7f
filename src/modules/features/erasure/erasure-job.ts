import { IsObject, IsOptional, IsString } from 'class-validator';
import { FeatureJobsConfig } from '../../../config/index.js';
import { Problem } from '../../../platform/errors/problem.js';
import { ComputeContract } from '../../../platform/compute/compute-contract.js';
import { toJobBody } from '../../../platform/jobs/job-body.js';
import type { JobsService } from '../../../platform/jobs/jobs.service.js';
import { configuredLimits, JobKind } from '../../../platform/jobs/job-kind.js';
import type { Job } from '../../../platform/jobs/job.entity.js';
import type { WrittenFile } from '../../../platform/jobs/attempt-files.js';
import type { ErasedBody, ErasureBody, ErasureCertificateBody } from './erasure.dto.js';

/** What the row of an erasure keeps of its request. */
export class ErasureSpec {
  @IsString()
  entity: string;

  /** Parts of the key by column, as text. */
  @IsObject()
  key: Record<string, string>;

  /** Feature that holds the id in the prediction log. */
  @IsOptional()
  @IsString()
  id_column: string | null;
}

export const ERASURE = new JobKind<ErasureSpec, ErasedBody, ErasureCertificateBody>({
  name: 'feature-erasure',
  prefix: 'erase',
  collection: '/api/v1/features/erasures',
  spec: ErasureSpec,
  summary: ErasureSpec,
  limits: (config) => configuredLimits(config, config.get(FeatureJobsConfig)),
});

/** What the engine tells of one file: `erasure_result` of contracts/job-event.v1.schema.json. */
export interface RewrittenFile {
  readonly uri: string;
  readonly rows_erased: number;
  readonly rows_left: number;
  /** null where it holds nothing of the entity. */
  readonly file: WrittenFile | null;
}

export const ERASURE_CONTRACT = new ComputeContract<ErasedBody, { files: RewrittenFile[] }>({
  spec: 'features-spec.v1',
  kind: 'erasure',
  result: 'erasure_result',
});

export function toErasureBody(job: Job<ErasureSpec, ErasedBody, ErasureCertificateBody>): ErasureBody {
  return { ...toJobBody(job), ...job.spec, progress: job.progress, result: job.result };
}

/**
 * What reads files of features could bring back what is being erased.
 * @throws Problem 409 with the id of an erasure that has not ended
 */
export async function refuseDuringErasure(jobs: JobsService, tenant: string): Promise<void> {
  const [open] = await jobs.open(tenant, ERASURE);
  if (open)
    throw new Problem(
      'JOB_STATE_CONFLICT',
      `The job ${open.id} erases features; wait for its end, or cancel it.`,
    );
}
