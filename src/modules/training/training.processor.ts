import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type ComputeOutcome, EngineUnavailable, type JobEvent } from '#libs/compute';
import type { SignatureDefinition } from '#libs/inference';
import type { ObjectAddress, ObjectStore } from '#libs/object-store';
import { RuntimeConfig, TrainingConfig } from '../../config/index.js';
import { EmbeddedEngine } from '../../platform/compute/compute.module.js';
import type { TenantScope } from '../../platform/database/database.js';
import type { JobAttempt } from '../../platform/jobs/job-attempt.js';
import type { Claim } from '../../platform/jobs/job-claims.repository.js';
import { folderOfJob } from '../../platform/jobs/job-folders.js';
import { type JobHandler, JobRunner, type Outcome } from '../../platform/jobs/job-runner.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import { PLATFORM_BUCKET } from '../../platform/storage/grants.js';
import { OBJECT_STORE } from '../../platform/storage/object-store.token.js';
import type { Importance, ModelType, VersionFiles } from '../models/model.entity.js';
import { VersionsService } from '../models/versions.service.js';
import { ComputeSpecs } from './compute-spec.js';
import { TrainingData, type TrainingFiles } from './training-data.js';
import { specOf, TRAINING } from './training-job.js';

interface TrainedFile {
  name: string;
  size_bytes: number;
  sha256: string;
}

/** `result` of the trainer's last event: contracts/job-event.v1.schema.json. */
interface TrainingResult {
  model_type: ModelType;
  files: { [name in keyof VersionFiles]: TrainedFile };
  signature: SignatureDefinition;
  metrics: Record<string, number | null>;
  importance: Importance;
  parameters: Record<string, unknown>;
  data: Record<string, unknown>;
}

/** Runs training jobs on an engine and publishes what they make. */
@Injectable()
export class TrainingProcessor implements JobHandler, OnApplicationBootstrap {
  readonly kind = TRAINING;
  readonly concurrency: number;
  readonly maxRunSeconds: number;

  constructor(
    config: TrainingConfig,
    private readonly runtime: RuntimeConfig,
    private readonly runner: JobRunner,
    private readonly engine: EmbeddedEngine,
    private readonly data: TrainingData,
    private readonly specs: ComputeSpecs,
    private readonly artifacts: Artifacts,
    private readonly versions: VersionsService,
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
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
    const { tenant } = attempt.claim;
    const { train, validation } = await this.data.findAll(tenant, specOf(attempt.job).data_config);
    const outcome = await this.train(attempt, train, validation);
    if (outcome.type !== 'succeeded') return outcome;
    const result = outcome.result as unknown as TrainingResult;
    for (const file of publishedFiles(result))
      await this.artifacts.copy(tenant, fileOf(attempt.claim, file), file.sha256);
    const commit = (scope: TenantScope) => this.publish(scope, attempt, result, train, validation);
    return { type: 'succeeded', metrics: result.metrics, commit };
  }

  private async train(
    attempt: JobAttempt,
    train: TrainingFiles,
    validation: TrainingFiles | null,
  ): Promise<ComputeOutcome> {
    try {
      return await this.engine.run(
        this.specs.make(attempt, 'training', train, validation, outputOf(attempt.claim)),
        {
          signal: attempt.signal,
          onEvent: (event) => reportEvent(attempt, event),
        },
      );
    } catch (error) {
      if (!(error instanceof EngineUnavailable)) throw error;
      return {
        type: 'crashed',
        exitCode: null,
        signal: null,
        maxRssBytes: 0,
        message: 'no process could be started',
      };
    }
  }

  /** What this attempt and those before it wrote is published by now, or of no use to anyone. */
  async cleanUp(claim: Claim): Promise<void> {
    for (let attempt = 1; attempt <= claim.attempt; attempt++) {
      const prefix = `${folderOf({ ...claim, attempt })}/`;
      const { objects } = await this.store.list({ bucket: PLATFORM_BUCKET, prefix });
      await Promise.all(objects.map(({ key }) => this.store.delete({ bucket: PLATFORM_BUCKET, key })));
    }
  }

  private async publish(
    scope: TenantScope,
    { job, claim }: JobAttempt,
    trained: TrainingResult,
    train: TrainingFiles,
    validation: TrainingFiles | null,
  ): Promise<Record<string, unknown>> {
    const { model_name, framework, data_config } = specOf(job);
    for (const file of publishedFiles(trained))
      await this.artifacts.publish(scope, fileOf(claim, file), file.sha256);
    const { files, model_type, ...result } = trained;
    return this.versions.publish(scope, {
      ...result,
      modelName: model_name,
      modelType: model_type,
      framework,
      createdBy: job.submittedBy,
      jobId: job.id,
      files: filesOf(files),
      data: {
        ...data_config,
        train_files: train.files,
        validation_files: validation?.files ?? null,
        ...result.data,
      },
    });
  }
}

function outputOf(claim: Claim): string {
  return `s3://${PLATFORM_BUCKET}/${folderOf(claim)}/`;
}

/** Where one attempt writes; no other attempt, and so no other worker, does. */
function folderOf(claim: Claim): string {
  return `${folderOfJob(claim)}/attempts/${claim.attempt}`;
}

function fileOf(claim: Claim, { name }: TrainedFile): ObjectAddress {
  return { bucket: PLATFORM_BUCKET, key: `${folderOf(claim)}/${name}` };
}

function publishedFiles({ files }: TrainingResult): TrainedFile[] {
  return Object.values(files);
}

function filesOf(files: TrainingResult['files']): VersionFiles {
  const byName = Object.entries(files).map(([name, { sha256, size_bytes }]) => [
    name,
    { sha256, size: size_bytes },
  ]);
  return Object.fromEntries(byName);
}

function reportEvent(attempt: JobAttempt, event: JobEvent): void {
  // How it ended is the engine's outcome, and is written with the row's end.
  if (event.type === 'succeeded' || event.type === 'failed') return;
  const { job_id: _job, attempt: _attempt, seq: _seq, ...reported } = event;
  attempt.report(reported as Parameters<JobAttempt['report']>[0]);
}
