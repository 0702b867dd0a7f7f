import { Injectable } from '@nestjs/common';
import { formatObjectUri } from '#libs/object-store';
import { BatchConfig, UploadsConfig } from '../../../config/index.js';
import { folderOfJob } from '../../../platform/jobs/job-folders.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { artifactAddress } from '../../../platform/storage/artifacts.js';
import { PLATFORM_BUCKET } from '../../../platform/storage/grants.js';
import type { ResolvedVersion } from '../../serving/serving.service.js';
import type { Input } from './batch-input.js';
import type { BatchSpec } from './batch-job.js';

/** What the trainer is told of a batch: contracts/batch-spec.v1.schema.json. */
@Injectable()
export class BatchSpecs {
  constructor(
    private readonly config: BatchConfig,
    private readonly uploads: UploadsConfig,
  ) {}

  make(claim: AttemptRef, spec: BatchSpec, resolved: ResolvedVersion, input: Input): object {
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
      model: modelOf(claim.tenant, resolved),
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
  return `${folderOfJob({ tenant, id })}/parts`;
}

/** A model as the trainer opens it: a file, or the members whose answers become one. */
function modelOf(tenant: string, { servable, members }: ResolvedVersion): object {
  const { modelId: id, version, origin, signature } = servable;
  const named = { id, version, origin, signature };
  if (members) {
    const { method, strategy, threshold, min_models_required, members: definitions } = servable.ensemble;
    const weighted = members.map((member, at) => ({
      weight: definitions[at]!.weight,
      model: modelOf(tenant, member),
    }));
    return { ...named, ensemble: { method, strategy, threshold, min_models_required, members: weighted } };
  }
  const { model, core } = servable.files;
  return {
    ...named,
    artifact_uri: artifactUri(tenant, model.sha256),
    sha256: model.sha256,
    ...(core && signature.core && { core: { uri: artifactUri(tenant, core.sha256), sha256: core.sha256 } }),
  };
}

function artifactUri(tenant: string, sha256: string): string {
  return formatObjectUri(artifactAddress(tenant, sha256));
}
