import { Injectable } from '@nestjs/common';
import {
  compileSignature,
  FeatureErrors,
  ModelOutputError,
  ModelRunError,
  type OnnxModel,
  OUTPUT_FAULTS,
} from '#libs/inference';
import { formatObjectUri } from '#libs/object-store';
import { Problem, unfit } from '../../platform/errors/problem.js';
import { Load } from '../../platform/load/load.js';
import { Metrics } from '../../platform/observability/metrics.js';
import { artifactAddress } from '../../platform/storage/artifacts.js';
import { fitAsMember } from '../models/ensemble-versions.service.js';
import { type EnsembleMember, memberReference } from '../models/model.entity.js';
import {
  type ServableEnsemble,
  type ServableFile,
  type ServableVersion,
  VersionsService,
} from '../models/versions.service.js';
import { byThreshold } from './by-threshold.js';
import { EnsembleScorer } from './ensemble-scorer.js';
import { type LoadedFile, type LoadedModel, ModelCatalog } from './model-catalog.js';
import {
  type ModelRunner,
  type ResolvedVersion,
  type Scored,
  type ScoreRequest,
  UnfitFeatures,
} from './scoring.js';
import { ServingQueues } from './serving-queues.js';

export type { EnsembleOutcome, MemberOutcome, ResolvedVersion, Scored, ScoreRequest } from './scoring.js';
export { memberReference };
export type { ServableEnsemble, ServableFile, ServableVersion };

/**
 * Scores rows with the models of tenants. It picks the version, has its model loaded, names every feature that does not
 * fit, and decides where the run happens and whether there is room to wait for it. Where the model is in memory and its
 * run is short, nothing is waited for and no promise is made; no database and no Redis is asked.
 */
@Injectable()
export class ServingService implements ModelRunner {
  private readonly outputFaults;

  constructor(
    private readonly catalog: ModelCatalog,
    private readonly queues: ServingQueues,
    private readonly ensembles: EnsembleScorer,
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
   * @throws Problem 404 or 409 from the registry, 422 naming every feature that does not fit, 503 where too many wait, or
   * too few members of an ensemble answer
   * @throws ModelUnavailable where the process or thread that runs the model has ended
   */
  score(tenant: string, request: ScoreRequest): Scored | Promise<Scored> {
    const found = this.find(tenant, request);
    return found instanceof Promise
      ? found.then((loaded) => this.run(tenant, loaded, request))
      : this.run(tenant, found, request);
  }

  /** The version that answers, with its model in memory. @throws Problem 404, 409, 503 as `score` */
  find(tenant: string, { model, version, rows }: ScoreRequest): LoadedModel | Promise<LoadedModel> {
    return (
      this.catalog.find(tenant, model, version) ??
      this.queues.waitForLoad(tenant, rows.length, () => this.catalog.get(tenant, model, version))
    );
  }

  /** Scores rows with what `find` found. @throws as `score` */
  run(tenant: string, loaded: LoadedModel, request: ScoreRequest): Scored | Promise<Scored> {
    if (loaded.model) return this.runModel(tenant, loaded, request);
    const { servable } = loaded;
    const scored = this.ensembles.score(this, tenant, servable, request);
    if (servable.threshold === null) return scored;
    const decided = (found: Scored): Scored => ({
      ...found,
      predictions: byThreshold(found.predictions, servable),
    });
    return scored instanceof Promise ? scored.then(decided) : decided(scored);
  }

  /**
   * Scores rows with a version that is no ensemble, and keeps its model in memory until `work`, which may run it many
   * times more, has ended.
   * @throws as `score`; what the model throws within `work` is turned into the same problems
   */
  async scoreAndKeep<T>(
    tenant: string,
    request: ScoreRequest,
    work: (scored: Scored, model: OnnxModel, servable: ServableFile) => Promise<T>,
  ): Promise<T> {
    const loaded = await this.find(tenant, request);
    if (!loaded.model)
      throw new Error(`the version ${loaded.servable.version} is an ensemble, which has no model`);
    const { model, servable } = loaded;
    return model.keepFor(async () => {
      const scored = await this.run(tenant, loaded, request);
      return work(scored, model, servable).catch(this.throwProblemOf(servable, request));
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

  /**
   * Which versions answer for the members of a version, as the registry says at this moment.
   * @throws Problem 422 for a member that does not answer now
   */
  async resolve(tenant: string, servable: ServableVersion): Promise<ResolvedVersion> {
    if (!servable.ensemble) return { servable };
    const members: ResolvedVersion[] = [];
    for (const each of servable.ensemble.members) {
      try {
        const member = await this.servable(tenant, memberReference(each), each.version ?? undefined);
        const fit = fitAsMember(each, member, servable.signature, servable.ensemble);
        if (typeof fit === 'string')
          throw unfit('/model_id', `has a member of which version ${member.version} ${fit}`);
        members.push(await this.resolve(tenant, member));
      } catch (error) {
        if (!(error instanceof Problem) || error.code === 'VALIDATION_ERROR') throw error;
        throw unfit('/model_id', `has a member that does not answer now: ${error.detail}`);
      }
    }
    return { servable, members };
  }

  /**
   * What the trainer is told of a version that it shall score with: a file, or the members whose answers become one;
   * `model` of contracts/batch-spec.v1.schema.json.
   */
  modelSpec(tenant: string, { servable, members }: ResolvedVersion): object {
    const { modelId: id, version, origin, signature, threshold } = servable;
    const named = { id, version, origin, signature, ...(threshold !== null && { threshold }) };
    if (members) {
      const {
        method,
        strategy,
        threshold: enough,
        min_models_required,
        meta,
        members: weights,
      } = servable.ensemble;
      const weighted = members.map((member, at) => ({
        weight: weights[at]!.weight,
        rank_scale: rankScaleOf(weights[at]!),
        model: this.modelSpec(tenant, member),
      }));
      return {
        ...named,
        ensemble: { method, strategy, threshold: enough, min_models_required, meta, members: weighted },
      };
    }
    const { model, core } = servable.files;
    const uriOf = (sha256: string) => formatObjectUri(artifactAddress(tenant, sha256));
    return {
      ...named,
      artifact_uri: uriOf(model.sha256),
      sha256: model.sha256,
      ...(core && signature.core && { core: { uri: uriOf(core.sha256), sha256: core.sha256 } }),
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

  /**
   * Short runs happen on this thread, some of them together with others of the same turn of the event loop; long ones
   * on the models' thread, and those of uploaded models in a process of their own.
   */
  private runModel(
    tenant: string,
    { model, servable }: LoadedFile,
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
    if (error instanceof FeatureErrors) return UnfitFeatures.inRows(error, single);
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

function rankScaleOf({ rank_scale }: EnsembleMember): object | undefined {
  return rank_scale && { values: rank_scale.values, ranks: rank_scale.ranks };
}
