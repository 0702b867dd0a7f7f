import { Injectable } from '@nestjs/common';
import { BatchConfig, UploadsConfig } from '../../../config/index.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { PLATFORM_BUCKET } from '../../../platform/storage/grants.js';
import type { ServableVersion } from '../../models/versions.service.js';
import type { Input } from './batch-input.js';
import type { BatchSpec } from './batch-job.js';

/** What the trainer is told of a batch: contracts/batch-spec.v1.schema.json. */
@Injectable()
export class BatchSpecs {
  constructor(
    private readonly config: BatchConfig,
    private readonly uploads: UploadsConfig,
  ) {}

  make(claim: AttemptRef, spec: BatchSpec, servable: ServableVersion, input: Input): object {
    const { coreSha256 } = servable;
    return {
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
        id: servable.modelId,
        version: servable.version,
        artifact_uri: artifactUri(claim.tenant, servable.artifactSha256),
        sha256: servable.artifactSha256,
        ...(coreSha256 !== null &&
          servable.signature.core && {
            core: { uri: artifactUri(claim.tenant, coreSha256), sha256: coreSha256 },
          }),
        origin: servable.origin,
        signature: servable.signature,
      },
      batch: {
        batch_rows: spec.batch_rows,
        part_rows: spec.part_rows,
        max_error_share: spec.max_error_share,
        threads: this.config.threads,
      },
      limits: {
        memory_bytes: this.config.memoryBytes,
        model_memory_bytes: this.uploads.memoryBytes,
        model_run_seconds: this.uploads.runSeconds,
      },
    };
  }
}

/** Of the job and not of an attempt: the next one goes on with what it finds there. */
export function stateFolder(tenant: string, id: string): string {
  return `${tenant}/jobs/${id}/parts`;
}

function artifactUri(tenant: string, sha256: string): string {
  return `s3://${PLATFORM_BUCKET}/${tenant}/artifacts/${sha256}`;
}
