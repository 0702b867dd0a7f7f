import { Injectable } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { BatchConfig } from '../../../config/index.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { Problem, unfit } from '../../../platform/errors/problem.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { JobReruns } from '../../../platform/jobs/job-reruns.js';
import { Grants } from '../../../platform/storage/grants.js';
import { parseOutputPath } from '../../../platform/storage/output-folder.js';
import { type ResolvedVersion, type ServableVersion, ServingService } from '../../serving/serving.service.js';
import { widthOf } from '../certainty.js';
import { featuresTaken } from '../predictions-by-entity.js';
import { BatchInput, type Input } from './batch-input.js';
import { BATCH, type BatchSpec } from './batch-job.js';
import { BatchOutput } from './batch-output.js';
import type { RerunBatchBody, SubmittedBatchBody } from './batch.dto.js';
import { SubmitBatchDto } from './submit-batch.dto.js';

/** Rows of one run of the model: few enough for the processor's caches. */
const DEFAULT_BATCH_ROWS = 16_384;
const DEFAULT_ERROR_SHARE = 0.1;
/** Before a tenant's first batch there is nothing to go by. */
const FIRST_BYTES_PER_SECOND = 20e6;
const START_SECONDS = 1;
/** Uploaded models among the members of an ensemble. */
const MOST_UPLOADED = 4;

/** Batch predictions as their tenant uses them. */
@Injectable()
export class BatchService {
  constructor(
    private readonly jobs: JobsService,
    private readonly serving: ServingService,
    private readonly grants: Grants,
    private readonly input: BatchInput,
    private readonly output: BatchOutput,
    private readonly reruns: JobReruns,
    private readonly config: BatchConfig,
  ) {}

  /**
   * Everything of a request that can be checked without its input and output.
   * @returns the version that would score it now
   * @throws Problem 400 for a path that is none, 403 outside of the grants, 400, 404 or 409 from the registry, 422 for
   *   intervals or features that the version cannot give, and an ensemble of which a member does not answer now, or too many are
   *   uploaded
   */
  async check(tenant: string, dto: SubmitBatchDto): Promise<ServableVersion> {
    this.grants.refuseForeign(tenant, dto.input_path, '/input_path');
    this.grants.refuseForeign(tenant, parseOutputPath(dto.output_path), '/output_path');
    if (dto.csv_safe && dto.output_format !== 'csv') throw unfit('/csv_safe', 'is for the output_format csv');
    if (dto.timestamp_column !== undefined && !dto.use_feature_service)
      throw unfit('/timestamp_column', 'is for use_feature_service, which is not true');
    const servable = await this.serving.servable(tenant, dto.model_id, dto.version);
    if (dto.return_interval !== undefined) widthOf(servable, dto.return_interval, '/return_interval');
    if (dto.use_feature_service) featuresTaken(servable, '/use_feature_service');
    refuseTooManyProcesses(await this.serving.resolve(tenant, servable));
    return servable;
  }

  /** @throws Problem as `check`, 409 where the output is taken, 422 where there is no input */
  async submit(caller: Identity, dto: SubmitBatchDto, rerunOf?: string): Promise<SubmittedBatchBody> {
    const { tenant } = caller;
    const { input_path, output_path, overwrite = false, output_format = 'parquet' } = dto;
    const servable = await this.check(tenant, dto);
    const { modelId, version } = servable;
    const input = await this.input.find(tenant, input_path, dto.input_format ?? null, output_path);
    if (!overwrite) await this.output.refuseExisting(output_path);
    const spec: BatchSpec = {
      model_id: modelId,
      version,
      input_path,
      input_format: dto.input_format ?? null,
      output_path,
      output_format,
      passthrough_columns: dto.passthrough_columns ?? null,
      max_error_share: dto.max_error_share ?? DEFAULT_ERROR_SHARE,
      overwrite,
      csv_safe: dto.csv_safe ?? false,
      batch_rows: dto.batch_size ?? DEFAULT_BATCH_ROWS,
      part_rows: this.config.partRows,
      return_interval: dto.return_interval ?? null,
      features: dto.use_feature_service ? featuresTaken(servable, '/use_feature_service') : null,
      timestamp_column: dto.timestamp_column ?? null,
      as_of: new Date().toISOString(),
      estimated_completion: await this.estimate(tenant, input),
    };
    const job = await this.jobs
      .submit(tenant, BATCH, { spec, request: dto, rerunOf, by: caller })
      .catch((error: unknown) => {
        throw isTaken(error) ? beingWritten(output_path) : error;
      });
    return { job_id: job.id, status: job.status, estimated_completion: spec.estimated_completion };
  }

  /**
   * Submits a batch's request again, with changes; without a version it takes the one that answers by default now.
   * @throws Problem as `submit` and `JobReruns.request`
   */
  async rerun(caller: Identity, id: string, changes: unknown): Promise<RerunBatchBody> {
    const dto = await this.reruns.request(caller.tenant, BATCH, id, SubmitBatchDto, changes);
    return { ...(await this.submit(caller, dto, id)), rerun_of: id };
  }

  private async estimate(tenant: string, { files }: Input): Promise<string> {
    const query = { limit: 1, status: 'succeeded' as const };
    const last = await this.jobs.list(tenant, BATCH, query, ({ result }) => result);
    const { input_bytes, scoring_seconds } = last.data[0] ?? { input_bytes: 0, scoring_seconds: 0 };
    const rate = input_bytes > 0 ? input_bytes / Math.max(scoring_seconds, 0.01) : FIRST_BYTES_PER_SECOND;
    const bytes = files.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
    return new Date(Date.now() + (START_SECONDS + bytes / rate) * 1000).toISOString();
  }
}

/** Each uploaded model has a process and its memory, of which the room of a job says nothing. @throws Problem 422 */
function refuseTooManyProcesses(resolved: ResolvedVersion): void {
  const uploaded = uploadedIn(resolved);
  if (uploaded <= MOST_UPLOADED) return;
  const message = `is an ensemble of ${uploaded} uploaded models; a batch runs at most ${MOST_UPLOADED}`;
  throw unfit('/model_id', message);
}

function uploadedIn({ servable, members }: ResolvedVersion): number {
  if (!members) return servable.origin === 'uploaded' ? 1 : 0;
  return members.reduce((sum, member) => sum + uploadedIn(member), 0);
}

/** Of a tenant's open batches one writes to a folder: migrations/0001. */
function isTaken(error: unknown): boolean {
  return (
    error instanceof QueryFailedError &&
    (error.driverError as { constraint?: string }).constraint === 'jobs_batch_output_key'
  );
}

function beingWritten(path: string): Problem {
  const message = 'is being written to by another job';
  return new Problem('OUTPUT_EXISTS', `${path} ${message}; wait for it, or choose another folder.`, {
    errors: [{ pointer: '/output_path', message }],
  });
}
