import { Global, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import {
  type ModelFile,
  ModelHosts,
  ModelUnavailable,
  type PlaceHolder,
  type ScannedGraph,
  type SignatureDefinition,
} from '#libs/inference';
import { RuntimeConfig, UploadsConfig } from '../../config/index.js';
import { FairPool, PoolFull } from '../fair-share/fair-pool.js';
import { FairQueue } from '../fair-share/fair-queue.js';
import { Refusals } from '../load/refusals.js';
import { AppLogger } from '../observability/logger.js';
import { Metrics } from '../observability/metrics.js';
import { confinedLauncher } from './confined-launcher.js';

/** Uploads that may wait for their trial; a trial takes about a second. */
const WAITING_TRIALS = { maxWaiting: 32, maxWaitingOfTenant: 8 };
/** What a trial is taken to last until one was measured. */
const FIRST_TRIAL_MS = 2000;

/**
 * The processes that this one runs uploaded models in, shared by tenants. At most half of them try uploads, which wait
 * for their turn; they would else keep models from answering.
 */
@Injectable()
export class UploadedModels extends ModelHosts implements OnApplicationShutdown {
  private readonly trials: FairQueue;
  private readonly trialPlaces: number;
  /** How long the last trial took. */
  private trialMs = FIRST_TRIAL_MS;

  constructor(
    config: UploadsConfig,
    { trainerPython }: RuntimeConfig,
    logger: AppLogger,
    private readonly refusals: Refusals,
    metrics: Metrics,
  ) {
    const runTimeoutMs = config.runSeconds * 1000;
    const pool = new FairPool({
      name: 'processes for uploaded models',
      places: config.maxProcesses,
      placesOfTenant: config.processesPerTenant,
      maxWaitMs: runTimeoutMs,
    });
    super({
      launcher: confinedLauncher(trainerPython, logger),
      places: {
        take: (tenant, holder) => takePlace(pool, tenant, holder),
        becameIdle: () => pool.becameIdle(),
      },
      memoryBytes: config.memoryBytes,
      loadTimeoutMs: config.loadSeconds * 1000,
      runTimeoutMs,
      idleMs: config.idleSeconds * 1000,
      onFailure: (error, { sha256 }) =>
        logger.warn('uploaded model ended', { sha256, reason: error.message, cause: causesOf(error) }),
    });
    this.trialPlaces = Math.max(1, Math.floor(config.maxProcesses / 2));
    this.trials = new FairQueue({
      places: this.trialPlaces,
      placesOfTenant: Math.max(1, this.trialPlaces - 1),
      ...WAITING_TRIALS,
    });
    metrics.gauge(
      'modelplane_uploaded_model_processes',
      'Processes of uploaded models and of trials of uploads: those that there are, and what waits for one.',
      ['state'],
      () => [
        { labels: { state: 'held' }, value: pool.held },
        { labels: { state: 'waiting' }, value: pool.length + this.trials.length },
      ],
    );
  }

  /** As `ModelHosts.examine`, when it is the upload's turn. @throws Problem 503 where too many wait */
  override async examine(
    tenant: string,
    file: ModelFile,
    complete: (graph: ScannedGraph) => SignatureDefinition,
    example?: Record<string, unknown>,
  ): Promise<SignatureDefinition> {
    const trial = async () => {
      const began = performance.now();
      try {
        return await super.examine(tenant, file, complete, example);
      } finally {
        this.trialMs = performance.now() - began;
      }
    };
    return this.refusals.inTurn('trials', this.trials, tenant, trial, (waiting) => ({
      what: 'uploads wait for their trial',
      waitMs: (waiting * this.trialMs) / this.trialPlaces,
    }));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.options.launcher;
    await this.close();
  }
}

@Global()
@Module({ providers: [UploadedModels], exports: [UploadedModels] })
export class InferenceModule {}

async function takePlace(pool: FairPool, tenant: string, holder: PlaceHolder): Promise<() => void> {
  try {
    return await pool.take(tenant, holder);
  } catch (error) {
    if (!(error instanceof PoolFull)) throw error;
    throw new ModelUnavailable(error.message, error.retryAfterSeconds);
  }
}

function causesOf({ cause }: Error): string[] {
  return cause instanceof Error ? [cause.message, ...causesOf(cause)] : [];
}
