import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import {
  compileSignature,
  GraphThread,
  MIXTURES_AT_ONCE,
  OnnxModel,
  compileSignatureContract,
} from '#libs/inference';
import { PredictionsConfig } from '../../config/index.js';
import { Problem } from '../../platform/errors/problem.js';
import { UploadedModels } from '../../platform/inference/inference.module.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { Metrics } from '../../platform/observability/metrics.js';
import { Timers } from '../../platform/timers/timers.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import { type ServableVersion, VersionsService } from '../models/versions.service.js';
import { RevisionListener } from './revision-listener.js';

export interface LoadedModel {
  readonly model: OnnxModel;
  readonly servable: ServableVersion;
}

/** What was asked for, and what is known of it. */
interface Known {
  readonly tenant: string;
  readonly asked: string | undefined;
  readonly servable: ServableVersion;
  /** Of its session. */
  readonly address: string;
}

const POLL_MS = 1000;
/** Between a model's eviction and the end of its native memory. */
const RELEASE_MS = 1000;
const MAX_ANSWERS = 100_000;
/** Of their signatures, about a kilobyte each. */
const MAX_ANSWERED_FEATURES = 200_000;
const MAX_REFUSALS = 10_000;
/** Longer ones name nothing, and would only fill the memory. */
const MAX_KEY_LENGTH = 200;
/** How long it is believed that something does not exist; its making ends that sooner. */
const NEGATIVE_MS = 2000;

/**
 * In memory: (tenant, model, version) to a session that is ready to score. It is as true as its last look at the
 * catalogue's revision, which it takes every second and on each hint; in between it asks nobody.
 */
@Injectable()
export class ModelCatalog implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly answers = new LRUCache<string, Known>({
    max: MAX_ANSWERS,
    maxSize: MAX_ANSWERED_FEATURES,
    sizeCalculation: ({ servable }) => 1 + servable.signature.inputs.length,
  });
  /** Apart from the answers, which a caller who makes up ids must not drive out. */
  private readonly refusals = new LRUCache<string, Problem>({ max: MAX_REFUSALS, ttl: NEGATIVE_MS });
  private readonly sessions: LRUCache<string, OnnxModel>;
  private readonly loads;
  private readonly evictions;
  private readonly shared;
  private readonly pending = new Map<string, Promise<unknown>>();
  private revision = '';
  /** Raised before answers are dropped: what was asked of the database before that is not kept. */
  private generation = 0;
  /** For what would keep others waiting. */
  private readonly thread = new GraphThread();

  constructor(
    private readonly versions: VersionsService,
    private readonly listener: RevisionListener,
    private readonly artifacts: Artifacts,
    private readonly uploaded: UploadedModels,
    private readonly config: PredictionsConfig,
    private readonly timers: Timers,
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    this.sessions = new LRUCache({
      maxSize: config.modelCacheBytes,
      sizeCalculation: (model) => Math.max(1, model.sizeBytes),
      // Whoever was handed the model a moment ago may not have started to use it.
      dispose: (model) => {
        this.evictions.inc();
        setTimeout(() => void model.release(), RELEASE_MS).unref();
      },
    });
    this.evictions = metrics.counter(
      'modelplane_model_evictions_total',
      'Models that left the memory of this process for others.',
    );
    this.shared = metrics.counter(
      'modelplane_model_loads_shared_total',
      'Requests that waited for a load of their model which another request had begun.',
    );
    this.loads = metrics.histogram(
      'modelplane_model_load_duration_seconds',
      'Reading an artifact and making it ready to score.',
    );
    metrics.gauge('modelplane_models_loaded', 'Models in the memory of this process.', [], () => [
      { labels: {}, value: this.sessions.size },
    ]);
    metrics.gauge('modelplane_model_cache_bytes', 'Artifact bytes of these models.', [], () => [
      { labels: {}, value: this.sessions.calculatedSize },
    ]);
    metrics.gauge('modelplane_model_cache_limit_bytes', 'Artifact bytes that are kept at most.', [], () => [
      { labels: {}, value: this.config.modelCacheBytes },
    ]);
  }

  async onApplicationBootstrap(): Promise<void> {
    // Neither waits for the first request, nor that for them.
    this.thread.start();
    compileSignatureContract();
    await this.refresh();
    this.listener.listen(() => void this.refresh().catch(() => undefined));
    this.timers.every(POLL_MS, 'the catalogue could not be refreshed', () => this.refresh());
  }

  /** After the last request has been answered. */
  async onApplicationShutdown(): Promise<void> {
    await this.thread.close();
  }

  /** What `get` would answer, where it is in memory. */
  find(tenant: string, modelId: string, version: string | undefined): LoadedModel | undefined {
    const known = this.answers.get(keyOf(tenant, modelId, version));
    const model = known && this.sessions.get(known.address);
    return model && { model, servable: known.servable };
  }

  /**
   * @param version exactly this one; undefined for the one that answers by default
   * @throws Problem 404 or 409
   */
  async get(tenant: string, modelId: string, version: string | undefined): Promise<LoadedModel> {
    const key = keyOf(tenant, modelId, version);
    const answer =
      this.answers.get(key)?.servable ??
      this.refusals.get(key) ??
      (await this.once(key, () => this.ask(key, tenant, modelId, version)));
    if (answer instanceof Problem) throw answer;

    const address = addressOf(tenant, answer);
    let model = this.sessions.get(address);
    if (!model) {
      if (this.pending.has(address)) this.shared.inc();
      model = await this.once(address, () => this.load(address, tenant, answer));
    }
    return { model, servable: answer };
  }

  /**
   * Asks again for what may no longer be so, if the catalogue has changed at all. Until the new answer is there the
   * old one holds: a database that goes away meanwhile takes no loaded model with it.
   */
  async refresh(): Promise<void> {
    const revision = await this.versions.revision();
    if (revision === this.revision) return;
    this.generation++;
    this.refusals.clear();
    const known = [...this.answers.entries()];
    const current = await this.versions.modelRevisions([
      ...new Set(known.map(([, { servable }]) => servable.modelId)),
    ]);
    for (const [key, { tenant, asked, servable }] of known) {
      if (current.get(servable.modelId) !== servable.revision)
        await this.ask(key, tenant, servable.modelId, asked);
    }
    this.revision = revision;
  }

  /** Any number of requests that need the same thing wait for one look-up of it. */
  private once<T>(key: string, work: () => Promise<T>): Promise<T> {
    const pending =
      (this.pending.get(key) as Promise<T> | undefined) ?? work().finally(() => this.pending.delete(key));
    this.pending.set(key, pending);
    return pending;
  }

  private async ask(
    key: string,
    tenant: string,
    modelId: string,
    asked: string | undefined,
  ): Promise<ServableVersion | Problem> {
    const { generation } = this;
    const answer = await this.versions.servable(tenant, modelId, asked).catch((error: unknown) => {
      if (error instanceof Problem) return error;
      throw error;
    });
    if (generation !== this.generation || key.length > MAX_KEY_LENGTH) return answer;
    if (answer instanceof Problem) {
      this.answers.delete(key);
      this.refusals.set(key, answer);
    } else {
      this.answers.set(key, { tenant, asked, servable: answer, address: addressOf(tenant, answer) });
    }
    return answer;
  }

  private async load(address: string, tenant: string, servable: ServableVersion): Promise<OnnxModel> {
    const start = performance.now();
    const { version, modelId } = servable;
    const model = await this.open(tenant, servable);
    this.sessions.set(address, model);
    const elapsedMs = performance.now() - start;
    this.loads.observe(elapsedMs / 1000);
    this.logger.info('model loaded', { model_id: modelId, version, duration_ms: Math.round(elapsedMs) });
    return model;
  }

  private async open(tenant: string, servable: ServableVersion): Promise<OnnxModel> {
    const { files, signature, origin } = servable;
    if (origin === 'uploaded') {
      return this.uploaded.open(this.artifacts.file(tenant, files.model.sha256, files.model.size), signature);
    }
    // Versions of before have no core, and some encodings have none.
    const hasCore = files.core !== undefined && signature.core !== undefined;
    const { sha256 } = hasCore ? files.core : files.model;
    const read = () => this.artifacts.read(tenant, sha256, this.config.maxArtifactBytes);
    const compiled = compileSignature(signature, hasCore ? 'core' : 'whole');
    const off = { thread: this.thread, mostRows: Math.max(this.config.maxRows, MIXTURES_AT_ONCE), read };
    return OnnxModel.load(await read(), compiled, { sha256 }, off);
  }
}

function keyOf(tenant: string, modelId: string, version: string | undefined): string {
  return `${tenant}\n${modelId}\n${version ?? ''}`;
}

/** The same file may be uploaded twice and be described in two ways. */
function addressOf(tenant: string, { modelId, version, files }: ServableVersion): string {
  return `${tenant}\n${modelId}\n${version}\n${files.model.sha256}`;
}
