import { createHash } from 'node:crypto';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type ComputeOutcome, EngineUnavailable, type JobEvent } from '#libs/compute';
import { formatObjectUri } from '#libs/object-store';
import { BatchConfig, RuntimeConfig, UploadsConfig } from '../../../config/index.js';
import type { TenantScope } from '../../../platform/database/database.js';
import { EmbeddedEngine } from '../../../platform/compute/compute.module.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import type { Claim } from '../../../platform/jobs/job-claims.repository.js';
import { folderOfJob } from '../../../platform/jobs/job-folders.js';
import { type JobHandler, JobRunner, type Outcome } from '../../../platform/jobs/job-runner.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { artifactAddress } from '../../../platform/storage/artifacts.js';
import { Grants, PLATFORM_BUCKET } from '../../../platform/storage/grants.js';
import { StorageLocation } from '../../../platform/storage/storage-location.js';
import { PredictionLogService } from '../../prediction-log/prediction-log.service.js';
import { type ServableVersion, ServingService } from '../../serving/serving.service.js';
import { BatchInput, type Input } from './batch-input.js';
import { BATCH, specOf } from './batch-job.js';
import { BatchOutput, contentOf, MANIFEST, type ManifestPart } from './batch-output.js';

/** `result` of the last event: contracts/job-event.v1.schema.json. */
interface BatchResult {
  rows_read: number;
  rows_scored: number;
  rows_failed: number;
  columns: { name: string; type: string }[];
  unseen_values: Record<string, number>;
  parts: ManifestPart[];
  scoring_seconds: number;
  rows_per_second: number;
}

/** Runs batches on an engine, and publishes what they wrote by a manifest. */
@Injectable()
export class BatchProcessor implements JobHandler, OnApplicationBootstrap {
  readonly kind = BATCH;
  readonly concurrency: number;
  readonly maxRunSeconds: number;
  /** Files that a job of this process has replaced. */
  private readonly replaced = new Map<string, string[]>();

  constructor(
    private readonly config: BatchConfig,
    private readonly uploads: UploadsConfig,
    private readonly runtime: RuntimeConfig,
    private readonly runner: JobRunner,
    private readonly engine: EmbeddedEngine,
    private readonly jobs: JobsService,
    private readonly serving: ServingService,
    private readonly grants: Grants,
    private readonly storage: StorageLocation,
    private readonly input: BatchInput,
    private readonly output: BatchOutput,
    private readonly log: PredictionLogService,
  ) {
    this.concurrency = config.concurrency;
    this.maxRunSeconds = config.maxRunSeconds;
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.runtime.runsWorker) return;
    await this.engine.warmUp();
    this.runner.start(this);
  }

  async run(attempt: JobAttempt): Promise<Outcome> {
    const { model_id, version, input_path, input_format, output_path } = specOf(attempt.job);
    const { tenant } = attempt.claim;
    // Both may have changed since the job was submitted.
    this.grants.refuseForeign(tenant, output_path);
    const servable = await this.serving.servable(tenant, model_id, version);
    const input = await this.input.find(tenant, input_path, input_format, output_path);
    const outcome = await this.score(attempt, servable, input);
    if (outcome.type !== 'succeeded') return outcome;
    const result = outcome.result as unknown as BatchResult;
    return {
      type: 'succeeded',
      metrics: {},
      commit: (scope) => this.publish(scope, attempt, servable, input, result),
    };
  }

  /** Notes of finished parts are for the next attempt, and parts without a manifest for nobody. */
  async cleanUp({ tenant, id }: Claim): Promise<void> {
    const job = await this.jobs.get(tenant, BATCH, id);
    if (!job.endedAt) return;
    const { output_path } = specOf(job);
    await this.output.removeFolder(PLATFORM_BUCKET, `${stateFolder(tenant, id)}/`);
    if (job.status !== 'succeeded') await this.output.removeParts(output_path, id);
    else await this.output.remove(output_path, this.replaced.get(id) ?? []);
    this.replaced.delete(id);
  }

  private async score(attempt: JobAttempt, servable: ServableVersion, input: Input): Promise<ComputeOutcome> {
    try {
      return await this.engine.run(this.computeSpec(attempt, servable, input), {
        signal: attempt.signal,
        onEvent: (event) => reportEvent(attempt, event),
      });
    } catch (error) {
      if (!(error instanceof EngineUnavailable)) throw error;
      const message = 'no process could be started';
      return { type: 'crashed', exitCode: null, signal: null, maxRssBytes: 0, message };
    }
  }

  /** contracts/batch-spec.v1.schema.json */
  private computeSpec({ job, claim }: JobAttempt, servable: ServableVersion, input: Input): object {
    const spec = specOf(job);
    const { model, core } = servable.files;
    return {
      spec_version: 1,
      kind: 'batch',
      job_id: claim.id,
      attempt: claim.attempt,
      trace_parent: job.traceParent,
      storage: this.storage.spec,
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
        artifact_uri: artifactUri(claim.tenant, model.sha256),
        sha256: model.sha256,
        ...(core &&
          servable.signature.core && {
            core: { uri: artifactUri(claim.tenant, core.sha256), sha256: core.sha256 },
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

  private async publish(
    scope: TenantScope,
    { job }: JobAttempt,
    servable: ServableVersion,
    input: Input,
    { parts, columns, unseen_values, scoring_seconds, rows_per_second, ...rows }: BatchResult,
  ): Promise<Record<string, unknown>> {
    const { output_path, output_format, overwrite, input_path } = specOf(job);
    const published = new Date();
    const requestId = `req-${job.id.slice(BATCH.prefix.length + 1)}`;
    const manifest = {
      manifest_version: 1,
      job_id: job.id,
      request_id: requestId,
      model_id: servable.modelId,
      model_version: servable.version,
      artifact_sha256: servable.files.model.sha256,
      ...rows,
      unseen_values,
      input: { path: input_path, ...input },
      output: { format: output_format, columns },
      parts,
      timings: {
        submitted_at: job.createdAt,
        started_at: job.startedAt,
        published_at: published,
        scoring_seconds,
        rows_per_second,
      },
    };
    const content = contentOf(manifest);
    const address = `${output_path}${MANIFEST}`;
    // Before the manifest is there: what fails after that would leave one whose job has failed.
    await this.log.recordBatch(scope, {
      requestId,
      modelId: servable.modelId,
      version: servable.version,
      rowCount: rows.rows_read,
      latencyMs: Math.max(0, published.getTime() - job.createdAt.getTime()),
      batch: {
        job_id: job.id,
        input_path,
        manifest: address,
        manifest_sha256: createHash('sha256').update(content).digest('hex'),
        rows_scored: rows.rows_scored,
        rows_failed: rows.rows_failed,
      },
    });
    this.replaced.set(job.id, await this.output.publish(output_path, manifest, content, overwrite));
    return {
      request_id: requestId,
      manifest: address,
      parts: parts.length,
      ...rows,
      scoring_seconds,
      rows_per_second,
      input_bytes: input.files.reduce((sum, { size_bytes }) => sum + size_bytes, 0),
    };
  }
}

/** Of the job and not of an attempt: the next one goes on with what it finds there. */
function stateFolder(tenant: string, id: string): string {
  return `${folderOfJob({ tenant, id })}/parts`;
}

function artifactUri(tenant: string, sha256: string): string {
  return formatObjectUri(artifactAddress(tenant, sha256));
}

function reportEvent(attempt: JobAttempt, event: JobEvent): void {
  // How it ended is the engine's outcome, and is written with the row's end.
  if (event.type === 'succeeded' || event.type === 'failed') return;
  const { job_id: _job, attempt: _attempt, seq: _seq, ...reported } = event;
  attempt.report(reported as Parameters<JobAttempt['report']>[0]);
}
