import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Compute } from '../../../platform/compute/compute.js';
import type { TenantScope } from '../../../platform/database/database.js';
import type { JobAttempt } from '../../../platform/jobs/job-attempt.js';
import { Handles, type JobHandler, type Outcome } from '../../../platform/jobs/job-handlers.js';
import type { AttemptRef } from '../../../platform/jobs/job-kind.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { Grants, PLATFORM_BUCKET } from '../../../platform/storage/grants.js';
import { PredictionLogService } from '../../prediction-log/prediction-log.service.js';
import { type ResolvedVersion, ServingService } from '../../serving/serving.service.js';
import { widthOf } from '../certainty.js';
import { BatchInput, type Input } from './batch-input.js';
import { BATCH, BATCH_CONTRACT, type BatchProgress, type BatchSpec, type ScoredBatch } from './batch-job.js';
import { BatchOutput, contentOf, MANIFEST } from './batch-output.js';
import { BatchRoom } from './batch-room.js';
import { BatchSpecs, stateFolder } from './batch-specs.js';
import type { BatchResultBody } from './batch.dto.js';

type BatchAttempt = JobAttempt<BatchSpec, BatchProgress>;

/** Runs batches on an engine, and publishes what they wrote by a manifest. */
@Injectable()
@Handles(BATCH)
export class BatchProcessor implements JobHandler<BatchSpec, BatchProgress, BatchResultBody> {
  /** Files that a job of this process has replaced. */
  private readonly replaced = new Map<string, string[]>();

  constructor(
    private readonly compute: Compute,
    private readonly jobs: JobsService,
    private readonly serving: ServingService,
    private readonly grants: Grants,
    private readonly specs: BatchSpecs,
    private readonly input: BatchInput,
    private readonly output: BatchOutput,
    private readonly room: BatchRoom,
    private readonly log: PredictionLogService,
  ) {}

  async run(attempt: BatchAttempt): Promise<Outcome<BatchResultBody>> {
    const { claim, job } = attempt;
    const { model_id, version, input_path, input_format, output_path, return_interval } = job.spec;
    const { tenant } = claim;
    // Both may have changed since the job was submitted.
    this.grants.refuseForeign(tenant, output_path);
    const servable = await this.serving.servable(tenant, model_id, version);
    const resolved = await this.serving.resolve(tenant, servable);
    const input = await this.input.find(tenant, input_path, input_format, output_path);
    const warn = (message: string) => attempt.report({ type: 'warning', message });
    const spec = await this.specs.make(claim, job.spec, resolved, input, warn);
    if (return_interval) {
      for (const message of widthOf(servable, return_interval).warnings) warn(message);
    }
    return this.room.while(attempt, output_path, async () => {
      const outcome = await this.compute.run(attempt, BATCH_CONTRACT, spec);
      if (outcome.type !== 'succeeded') return outcome;
      return {
        type: 'succeeded',
        metrics: {},
        commit: (scope: TenantScope) => this.publish(scope, attempt, resolved, input, outcome.result),
      };
    });
  }

  /** Notes of finished parts are for the next attempt, and parts without a manifest for nobody. */
  async cleanUp({ tenant, id }: AttemptRef): Promise<void> {
    const job = await this.jobs.get(tenant, BATCH, id);
    if (!job.endedAt) return;
    const { output_path } = job.spec;
    await this.output.removeFolder(PLATFORM_BUCKET, `${stateFolder(tenant, id)}/`);
    if (job.status !== 'succeeded') await this.output.removeParts(output_path, id);
    else await this.output.remove(output_path, this.replaced.get(id) ?? []);
    this.replaced.delete(id);
    await this.room.release(tenant, id);
  }

  private async publish(
    scope: TenantScope,
    { job, claim }: BatchAttempt,
    resolved: ResolvedVersion,
    input: Input,
    { parts, columns, unseen_values, scoring_seconds, rows_per_second, ...rows }: ScoredBatch,
  ): Promise<BatchResultBody> {
    const { output_path, output_format, overwrite, input_path } = job.spec;
    const { servable } = resolved;
    const published = new Date();
    const requestId = `req-${job.id.slice(BATCH.prefix.length + 1)}`;
    const manifest = {
      manifest_version: 1,
      job_id: job.id,
      request_id: requestId,
      model_id: servable.modelId,
      model_version: servable.version,
      ...sourceOf(resolved),
      threshold: servable.threshold,
      coverage: job.spec.return_interval ?? null,
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
    await this.room.count(claim.tenant, job.id, output_path, parts, content.length);
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

/** What the answers come from: a file, or the members of an ensemble, all the way down. */
function sourceOf({ servable, members }: ResolvedVersion): object {
  if (!members) return { artifact_sha256: servable.files.model.sha256 };
  return {
    members: members.map((member) => ({
      model_id: member.servable.modelId,
      model_version: member.servable.version,
      ...sourceOf(member),
    })),
  };
}
