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
import type { Changed } from '../../platform/changes/changes.js';
import { Problem } from '../../platform/errors/problem.js';
import { UploadedModels } from '../../platform/inference/inference.module.js';
import { AppLogger } from '../../platform/observability/logger.js';
import { Metrics } from '../../platform/observability/metrics.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import {
  type ServableEnsemble,
  type ServableFile,
  type ServableVersion,
  VersionsService,
} from '../models/versions.service.js';

/** A version that answers, with its model in memory. */
export interface LoadedFile {
  readonly model: OnnxModel;
  readonly servable: ServableFile;
}

/** An ensemble has no model of its own. */
export interface LoadedEnsemble {
  readonly model?: undefined;
  readonly servable: ServableEnsemble;
}

export type LoadedModel = LoadedFile | LoadedEnsemble;

/** The version that answers a question of the form (tenant, reference to a model, version or none). */
interface Answer {
  readonly tenant: string;
  /** The model as requests name it: by id, by name or by name@stage. */
  readonly reference: string;
  /** Version that was asked for; undefined where none was named. */
  readonly version: string | undefined;
  readonly servable: ServableVersion;
  /** Key of `models` under which its loaded model is found; of an ensemble there is none. */
  readonly address: string;
}

/** A model that is dropped from memory is freed so much later: a request may have it in hand that is about to run it. */
const FREE_AFTER_MS = 1000;
const MAX_ANSWERS = 100_000;
/** Features of the signatures of all answers together; each takes about a kilobyte. */
const MAX_ANSWERED_FEATURES = 200_000;
/** Scores of a calibration that take as much memory as a feature. */
const SCORES_PER_FEATURE = 125;
const MAX_PROBLEMS = 10_000;
/** A question with a longer key names nothing that exists; its answer would only fill the memory. */
const MAX_KEY_LENGTH = 400;
/** So long it is believed that something does not exist, unless a change is heard of before. */
const PROBLEM_MS = 2000;

/**
 * What this process has in memory: which version answers (tenant, model, version), and the loaded models. It asks the
 * registry once for each question, and again when it hears that the model has changed; in between it asks nobody.
 */
@Injectable()
export class ModelCatalog implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly answers = new LRUCache<string, Answer>({
    max: MAX_ANSWERS,
    maxSize: MAX_ANSWERED_FEATURES,
    sizeCalculation: ({ servable: { signature, calibration } }) =>
      1 + signature.inputs.length + Math.ceil((calibration?.scores.scores.length ?? 0) / SCORES_PER_FEATURE),
  });
  /** Questions that have no answer are kept apart, so that a caller who makes up ids drives out no answer. */
  private readonly problems = new LRUCache<string, Problem>({ max: MAX_PROBLEMS, ttl: PROBLEM_MS });
  private readonly models: LRUCache<string, OnnxModel>;
  private readonly loads;
  private readonly evictions;
  private readonly shared;
  private readonly pending = new Map<string, Promise<unknown>>();
  /** Raised with each change: an answer that was asked for before the change may be from before it, and is not kept. */
  private generation = 0;
  /** Builds models, and does the runs that would keep the main thread from answering others. */
  private readonly thread = new GraphThread();

  constructor(
    private readonly versions: VersionsService,
    private readonly artifacts: Artifacts,
    private readonly uploaded: UploadedModels,
    private readonly config: PredictionsConfig,
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    versions.onChange((changes) => this.renew(changes));
    this.models = new LRUCache({
      maxSize: config.modelCacheBytes,
      sizeCalculation: (model) => Math.max(1, model.sizeBytes),
      dispose: (model) => {
        this.evictions.inc();
        setTimeout(() => void model.release(), FREE_AFTER_MS).unref();
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
      { labels: {}, value: this.models.size },
    ]);
    metrics.gauge('modelplane_model_cache_bytes', 'Artifact bytes of these models.', [], () => [
      { labels: {}, value: this.models.calculatedSize },
    ]);
    metrics.gauge('modelplane_model_cache_limit_bytes', 'Artifact bytes that are kept at most.', [], () => [
      { labels: {}, value: this.config.modelCacheBytes },
    ]);
  }

  /** Starts what takes long to start, so that the first request does not wait for it. */
  onApplicationBootstrap(): void {
    this.thread.start();
    compileSignatureContract();
  }

  /** Nest calls this after the last request has been answered. */
  async onApplicationShutdown(): Promise<void> {
    await this.thread.close();
  }

  /** What `get` would answer, where it is in memory. */
  find(tenant: string, reference: string, version: string | undefined): LoadedModel | undefined {
    const answer = this.answers.get(keyOf(tenant, reference, version));
    if (!answer) return undefined;
    const { servable, address } = answer;
    if (servable.ensemble) return { servable };
    const model = this.models.get(address);
    return model && { model, servable };
  }

  /**
   * The version that answers, with its model, which is loaded where it is not in memory.
   * @param version exactly this one; undefined for the one that answers by default, or that the reference names
   * @throws Problem as `VersionsService.servable`
   */
  async get(tenant: string, reference: string, version: string | undefined): Promise<LoadedModel> {
    const key = keyOf(tenant, reference, version);
    const servable =
      this.answers.get(key)?.servable ??
      this.problems.get(key) ??
      // A question that was asked before a change may be answered as of before it.
      (await this.once(`${this.generation}\n${key}`, () => this.ask(key, tenant, reference, version)));
    if (servable instanceof Problem) throw servable;
    if (servable.ensemble) return { servable };

    const address = addressOf(tenant, servable);
    let model = this.models.get(address);
    if (!model) {
      if (this.pending.has(address)) this.shared.inc();
      model = await this.once(address, () => this.load(address, tenant, servable));
    }
    return { model, servable };
  }

  /**
   * Asks the registry again about models that have changed. The old answer holds until the new one is there, so that a
   * database that goes away meanwhile takes no loaded model with it. Where it is not known what has changed, all answers
   * are forgotten and asked for with the next requests; the loaded models stay.
   */
  private async renew(changes: readonly Changed[] | undefined): Promise<void> {
    this.generation++;
    this.problems.clear();
    if (!changes) return this.answers.clear();
    const revisions = new Map(changes.map(({ tenant, key, revision }) => [`${tenant}\n${key}`, revision]));
    for (const [key, { tenant, reference, version, servable }] of [...this.answers.entries()]) {
      const { modelId, revision } = servable;
      const latest = revisions.get(`${tenant}\n${modelId}`);
      if (latest !== undefined && latest !== revision) await this.ask(key, tenant, reference, version);
    }
  }

  /** Requests that need the same thing at the same time wait for one look-up of it. */
  private once<T>(key: string, work: () => Promise<T>): Promise<T> {
    const pending =
      (this.pending.get(key) as Promise<T> | undefined) ?? work().finally(() => this.pending.delete(key));
    this.pending.set(key, pending);
    return pending;
  }

  /** Asks the registry, and keeps what it says: the version that answers, or why none does. */
  private async ask(
    key: string,
    tenant: string,
    reference: string,
    version: string | undefined,
  ): Promise<ServableVersion | Problem> {
    const { generation } = this;
    const servable = await this.versions.servable(tenant, reference, version).catch((error: unknown) => {
      if (error instanceof Problem) return error;
      throw error;
    });
    if (generation !== this.generation || key.length > MAX_KEY_LENGTH) return servable;
    if (servable instanceof Problem) {
      this.answers.delete(key);
      this.problems.set(key, servable);
    } else {
      const address = servable.ensemble ? '' : addressOf(tenant, servable);
      this.answers.set(key, { tenant, reference, version, servable, address });
    }
    return servable;
  }

  private async load(address: string, tenant: string, servable: ServableFile): Promise<OnnxModel> {
    const start = performance.now();
    const { version, modelId } = servable;
    const model = await this.open(tenant, servable);
    this.models.set(address, model);
    const elapsedMs = performance.now() - start;
    this.loads.observe(elapsedMs / 1000);
    this.logger.info('model loaded', { model_id: modelId, version, duration_ms: Math.round(elapsedMs) });
    return model;
  }

  private async open(tenant: string, servable: ServableFile): Promise<OnnxModel> {
    const { files, signature, origin } = servable;
    if (origin === 'uploaded') {
      const file = this.artifacts.file(tenant, files.model.sha256, files.model.size);
      return this.uploaded.open(tenant, file, signature);
    }
    // The core is the same model without its encoding, and faster. Not every version has one.
    const hasCore = files.core !== undefined && signature.core !== undefined;
    const { sha256 } = hasCore ? files.core : files.model;
    const read = () => this.artifacts.read(tenant, sha256, this.config.maxArtifactBytes);
    const compiled = compileSignature(signature, hasCore ? 'core' : 'whole');
    const off = { thread: this.thread, mostRows: Math.max(this.config.maxRows, MIXTURES_AT_ONCE), read };
    return OnnxModel.load(await read(), compiled, { sha256 }, off);
  }
}

function keyOf(tenant: string, reference: string, version: string | undefined): string {
  return `${tenant}\n${reference}\n${version ?? ''}`;
}

/** The digest alone would not do: the same file may be uploaded for two versions with two signatures. */
function addressOf(tenant: string, { modelId, version, files }: ServableFile): string {
  return `${tenant}\n${modelId}\n${version}\n${files.model.sha256}`;
}
