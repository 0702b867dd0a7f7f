import { Injectable } from '@nestjs/common';
import {
  compileSignature,
  FeatureErrors,
  ModelOutputError,
  ModelRunError,
  type OnnxModel,
  OUTPUT_FAULTS,
  type Predictions,
} from '#libs/inference';
import { formatObjectUri } from '#libs/object-store';
import { fieldsProblem, type Problem, unfit } from '../../platform/errors/problem.js';
import { Load } from '../../platform/load/load.js';
import { Metrics } from '../../platform/observability/metrics.js';
import { artifactAddress } from '../../platform/storage/artifacts.js';
import { type ServableVersion, VersionsService } from '../models/versions.service.js';
import { byThreshold } from './by-threshold.js';
import { type LoadedModel, ModelCatalog } from './model-catalog.js';
import { ServingQueues } from './serving-queues.js';

export type { ServableVersion };

export interface ScoreRequest {
  /** The model as the caller names it: by id, by name or by name@stage. */
  readonly model: string;
  /** Exactly this version; undefined for the one that the model answers with now, by `VersionsService.servable`. */
  readonly version: string | undefined;
  /** JSON objects of features by name, at least one. */
  readonly rows: readonly unknown[];
  /** Whether the caller sent one row as an object rather than a list: what is wrong is then named without its number. */
  readonly single: boolean;
}

export interface Scored {
  /** The version that answered. */
  readonly servable: ServableVersion;
  readonly predictions: Predictions;
}

/**
 * Scores rows with the models of tenants. It picks the version, has its model loaded, names every feature that does not
 * fit, and decides where the run happens and whether there is room to wait for it. Where the model is in memory and its
 * run is short, nothing is waited for and no promise is made; no database and no Redis is asked.
 */
@Injectable()
export class ServingService {
  private readonly outputFaults;

  constructor(
    private readonly catalog: ModelCatalog,
    private readonly queues: ServingQueues,
    private readonly versions: VersionsService,
    private readonly load: Load,
    metrics: Metrics,
  ) {
    this.outputFaults = metrics.counter(
      'modelplane_model_output_faults_total',
      'Requests that were refused because an output of the model was no answer, or not what its signature says.',
      { name: 'fault', values: OUTPUT_FAULTS },
    );
  }

  /**
   * @throws Problem 404 or 409 from the registry, 422 naming every feature that does not fit, 503 where too many wait
   * @throws ModelUnavailable where the process or thread that runs the model has ended
   */
  score(tenant: string, request: ScoreRequest): Scored | Promise<Scored> {
    const loaded = this.catalog.find(tenant, request.model, request.version);
    if (loaded) return this.run(tenant, loaded, request);
    return this.waitForModel(tenant, request).then((found) => this.run(tenant, found, request));
  }

  /**
   * Scores rows, and keeps the model in memory until `work`, which may run it many times more, has ended.
   * @throws as `score`; what the model throws within `work` is turned into the same problems
   */
  async scoreAndKeep<T>(
    tenant: string,
    request: ScoreRequest,
    work: (scored: Scored, model: OnnxModel) => Promise<T>,
  ): Promise<T> {
    const loaded =
      this.catalog.find(tenant, request.model, request.version) ?? (await this.waitForModel(tenant, request));
    return loaded.model.keepFor(async () => {
      const scored = await this.run(tenant, loaded, request);
      return work(scored, loaded.model).catch(this.throwProblemOf(loaded.servable, request));
    });
  }

  /** Runs `explain`, which runs a model many times, when it is its turn. @throws Problem 503 where too many wait */
  waitToExplain<T>(tenant: string, explain: () => Promise<T>): Promise<T> {
    return this.queues.waitToExplain(tenant, explain);
  }

  /** The version that would answer, as the registry says at this moment. @throws Problem as `VersionsService.servable` */
  servable(tenant: string, model: string, version: string | undefined): Promise<ServableVersion> {
    return this.versions.servable(tenant, model, version);
  }

  /** What the trainer is told of a version that it shall score with: `model` of contracts/batch-spec.v1.schema.json. */
  modelSpec(tenant: string, servable: ServableVersion): object {
    const { modelId, version, files, origin, signature } = servable;
    const uriOf = ({ sha256 }: { sha256: string }) => formatObjectUri(artifactAddress(tenant, sha256));
    return {
      id: modelId,
      version,
      artifact_uri: uriOf(files.model),
      sha256: files.model.sha256,
      ...(files.core && signature.core && { core: { uri: uriOf(files.core), sha256: files.core.sha256 } }),
      origin,
      signature,
    };
  }

  /** The version that would answer, where it is loaded already. */
  servableInMemory(tenant: string, model: string, version: string | undefined): ServableVersion | undefined {
    return this.catalog.find(tenant, model, version)?.servable;
  }

  /** Refuses rows that the version could not score. @throws Problem 422 naming every feature that does not fit */
  async checkRows(servable: ServableVersion, request: Pick<ScoreRequest, 'rows' | 'single'>): Promise<void> {
    try {
      await compileSignature(servable.signature).encodeInTurns(request.rows);
    } catch (error) {
      throw this.problemOf(error, servable, request);
    }
  }

  private waitForModel(tenant: string, { model, version, rows }: ScoreRequest): Promise<LoadedModel> {
    return this.queues.waitForLoad(tenant, rows.length, () => this.catalog.get(tenant, model, version));
  }

  /**
   * Short runs happen on this thread, some of them together with others of the same turn of the event loop; long ones
   * on the models' thread, and those of uploaded models in a process of their own.
   */
  private run(
    tenant: string,
    { model, servable }: LoadedModel,
    request: ScoreRequest,
  ): Scored | Promise<Scored> {
    const { rows } = request;
    const isShort = model.isQuick(rows.length, this.load.isAlone);
    if (isShort && !model.gathers(rows.length)) {
      try {
        return { servable, predictions: byThreshold(model.predictNow(rows), servable) };
      } catch (error) {
        throw this.problemOf(error, servable, request);
      }
    }
    const later = isShort
      ? model.predictGathered(rows)
      : this.queues.waitForRun(tenant, servable.modelId, rows.length, () => model.predict(rows));
    return later.then(
      (predictions) => ({ servable, predictions: byThreshold(predictions, servable) }),
      this.throwProblemOf(servable, request),
    );
  }

  private throwProblemOf(servable: ServableVersion, request: ScoreRequest) {
    return (error: unknown): never => {
      throw this.problemOf(error, servable, request);
    };
  }

  /** What a caller may know of an error of a model; others are as they were. */
  private problemOf(
    error: unknown,
    { origin }: ServableVersion,
    { single }: Pick<ScoreRequest, 'single'>,
  ): unknown {
    if (error instanceof FeatureErrors) return featuresProblem(error, single);
    const isUploaded = origin === 'uploaded';
    if (error instanceof ModelOutputError) {
      this.outputFaults.inc({ fault: error.fault });
      return unfit(
        `/features${single || error.row === undefined ? '' : `/${error.row}`}`,
        isUploaded
          ? `the uploaded model cannot answer this: ${error.deed}`
          : 'the model has no finite answer for these values; check for extreme ones',
      );
    }
    // What an uploaded model cannot answer is for its maker to mend, not for the service.
    if (isUploaded && error instanceof ModelRunError)
      return unfit('/features', `the uploaded model cannot answer this: ${error.message}`);
    return error;
  }
}

/** 422 naming every feature that does not fit; the row is named where the caller sent a list of them. */
function featuresProblem({ errors }: FeatureErrors, single: boolean): Problem {
  return fieldsProblem(
    'VALIDATION_ERROR',
    errors.map(({ row, pointer, message }) => ({
      pointer: `/features${single || row === null ? '' : `/${row}`}${pointer}`,
      message,
    })),
  );
}
