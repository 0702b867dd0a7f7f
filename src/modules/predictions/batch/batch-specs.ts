import { Injectable } from '@nestjs/common';
import { BatchConfig, UploadsConfig } from '../../../config/index.js';
import { folderOfJob } from '../../../platform/jobs/job-folders.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { JobKinds } from '../../../platform/jobs/job-kinds.js';
import { PLATFORM_BUCKET } from '../../../platform/storage/grants.js';
import { FeatureJoins } from '../../features/offline/feature-joins.service.js';
import { type ResolvedVersion, type ServableVersion, ServingService } from '../../serving/serving.service.js';
import { widthOf } from '../certainty.js';
import type { Input } from './batch-input.js';
import { BATCH, type BatchSpec } from './batch-job.js';

/** What the trainer is told of a batch: contracts/batch-spec.v1.schema.json. */
@Injectable()
export class BatchSpecs {
  constructor(
    private readonly serving: ServingService,
    private readonly config: BatchConfig,
    private readonly uploads: UploadsConfig,
    private readonly kinds: JobKinds,
    private readonly joins: FeatureJoins,
  ) {}

  /**
   * @param warn told what is odd about the files of features
   * @throws Problem 422 where the version cannot give the intervals that are asked for any more; as
   *   `FeatureJoins.specify`
   */
  async make(
    claim: AttemptRef,
    spec: BatchSpec,
    resolved: ResolvedVersion,
    input: Input,
    warn: (message: string) => void,
  ): Promise<object> {
    const coverage = spec.return_interval ?? null;
    return {
      ...(spec.features && { features: await this.featuresOf(claim, spec, input, warn) }),
      state_uri: `s3://${PLATFORM_BUCKET}/${stateFolder(claim.tenant, claim.id)}/`,
      input,
      output: {
        uri: spec.output_path,
        name: claim.id,
        format: spec.output_format,
        csv_safe: spec.csv_safe,
        passthrough_columns: spec.passthrough_columns,
      },
      model: {
        ...this.serving.modelSpec(claim.tenant, resolved),
        ...(coverage !== null && { certainty: certaintySpec(resolved.servable, coverage) }),
      },
      batch: {
        batch_rows: spec.batch_rows,
        part_rows: spec.part_rows,
        max_error_share: spec.max_error_share,
        threads: this.config.threads,
      },
      limits: {
        memory_bytes: this.kinds.limitsOf(BATCH).memoryBytes,
        model_memory_bytes: this.uploads.memoryBytes,
        model_run_seconds: this.uploads.runSeconds,
      },
    };
  }

  private async featuresOf(
    claim: AttemptRef,
    spec: BatchSpec,
    input: Input,
    warn: (message: string) => void,
  ): Promise<object> {
    const plan = await this.joins.plan(claim.tenant, spec.features!);
    const rows = { ...input, timestampColumn: spec.timestamp_column ?? null, ignoreCreated: false };
    const join = await this.joins.specify(claim.tenant, plan, rows, claim.id, warn);
    return {
      join: { ...join.spec, as_of: spec.as_of, keep_given: true },
      shown_as: input.files.length === 1 ? input.files[0]!.uri : spec.input_path,
    };
  }
}

function certaintySpec(servable: ServableVersion, coverage: number): object {
  const { quantile, spread } = widthOf(servable, coverage, '/return_interval');
  return { quantile, spread };
}

/** Of the job and not of an attempt: the next one goes on with what it finds there. */
export function stateFolder(tenant: string, id: string): string {
  return `${folderOfJob({ tenant, id })}/parts`;
}
