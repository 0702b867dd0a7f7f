import { Injectable } from '@nestjs/common';
import { Explainer, type Explanation, fitMember, type Label, type OnnxModel, rowsOf } from '#libs/inference';
import { PredictionsConfig } from '../../../config/index.js';
import { invalid, Problem, unfit } from '../../../platform/errors/problem.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import {
  type Scored,
  type ServableFile,
  type ServableVersion,
  ServingService,
} from '../../serving/serving.service.js';
import type { PredictRequest } from '../predict-request.js';
import { backgroundOf, Backgrounds } from './backgrounds.js';
import { EnsembleFunctions } from './ensemble-functions.js';
import type { ExplanationBody } from './explanation.dto.js';
import { type MemberExplanations, weightedExplanations } from './weighted-explanations.js';

/** Estimators whose regression is a sum of one term a feature. */
const ADDITIVE: ReadonlySet<string | null> = new Set(['linear_regression', 'ridge', 'lasso', 'sgd']);
const MOST_LABELS_TOLD = 20;

/** What a caller waits on. */
export interface Connection {
  readonly destroyed: boolean;
}

export interface Explained extends Scored {
  /** One a row. */
  readonly explanations: ExplanationBody[];
}

interface ExplainRequest extends PredictRequest {
  /** How many samples it may take. */
  readonly samples: number;
  /** Of each row the class that is explained; undefined for the one that the model itself predicts. */
  readonly labels: Label[] | undefined;
}

/** Explains predictions by the rows that training kept for it. */
@Injectable()
export class ExplanationsService {
  /** An explainer is forgotten together with its loaded model. */
  private readonly explainers = new WeakMap<OnnxModel, Promise<Explainer>>();
  private readonly durations;

  constructor(
    private readonly backgrounds: Backgrounds,
    private readonly functions: EnsembleFunctions,
    private readonly config: PredictionsConfig,
    private readonly serving: ServingService,
    metrics: Metrics,
  ) {
    this.durations = metrics.histogram(
      'modelplane_explanation_duration_seconds',
      'Explaining the rows of a request, without waiting for others.',
    );
  }

  /**
   * Scores rows and explains each of them.
   * @param connection on which the caller waits, if any: once it is gone, the work ends
   * @throws Problem as `ServingService.score` and `refuseUnexplained`, 422 where the request asks for too much, 503 where
   * too many wait
   */
  async scoreAndExplain(
    tenant: string,
    request: PredictRequest,
    connection?: Connection,
  ): Promise<Explained> {
    const explain = { ...request, samples: this.config.maxExplanationSamples, labels: undefined };
    return this.explain(tenant, explain, connection);
  }

  private async explain(
    tenant: string,
    request: ExplainRequest,
    connection?: Connection,
  ): Promise<Explained> {
    const { servable } = await this.serving.find(tenant, request);
    return servable.ensemble
      ? this.explainEnsemble(tenant, request, connection)
      : this.explainModel(tenant, request, connection);
  }

  private explainModel(tenant: string, request: ExplainRequest, connection?: Connection): Promise<Explained> {
    return this.serving.scoreAndKeep(tenant, request, async (scored, model, servable) => {
      refuseUnexplained(servable, request);
      const explainer = await this.explainerOf(tenant, model, servable);
      return this.explainWith(tenant, explainer, request, scored, connection);
    });
  }

  /** Explains what was predicted when it is the request's turn. */
  private async explainWith(
    tenant: string,
    explainer: Explainer<unknown>,
    { rows, samples, explainedClass, labels }: ExplainRequest,
    scored: Scored,
    connection?: Connection,
  ): Promise<Explained> {
    const predicted = labels ? { ...scored.predictions, predictions: labels } : scored.predictions;
    refuseTooMany(rows.length, explainer.mostSamples, samples);
    const explanations = await this.serving.waitToExplain(tenant, async () => {
      const start = performance.now();
      const checkpoint = () => this.refuseUseless(start, connection);
      const found = await explainer.explain(rows, predicted, { label: explainedClass, checkpoint });
      this.durations.observe((performance.now() - start) / 1000);
      return found;
    });
    const names = scored.servable.signature.inputs.map(({ name }) => name);
    return { ...scored, explanations: explanations.map((explanation) => toBody(explanation, names)) };
  }

  /**
   * Explains those members that answered, each against the rows of its own training, and takes their mean; where the
   * ensemble is no such mean, it as one function.
   */
  private async explainEnsemble(
    tenant: string,
    request: ExplainRequest,
    connection?: Connection,
  ): Promise<Explained> {
    const scored = await this.serving.score(tenant, request);
    const { servable: ensemble } = scored;
    if (!ensemble.ensemble) throw new Error('an ensemble was answered by a model');
    const { signature } = ensemble;
    refuseUnexplained(ensemble, request);
    const { files, isMean } = await this.functions.makeUpOf(tenant, ensemble, request);
    if (!isMean) {
      const explainer = await this.functions.open(tenant, request, scored, files);
      return this.explainWith(tenant, explainer, request, scored, connection);
    }
    const answered = scored.ensemble!.members.flatMap(({ answers, servable, share }) =>
      answers && share ? [{ servable: servable!, share }] : [],
    );
    const isClassification = signature.output.type === 'classification';
    const labels = isClassification ? (request.labels ?? scored.predictions.predictions) : undefined;
    const members: MemberExplanations[] = [];
    for (const { servable, share } of answered) {
      const fit = fitMember(servable.signature, signature, ensemble.ensemble.method);
      if (typeof fit === 'string') throw new Error(`a member that answered ${fit}`);
      const { explanations } = await this.explain(
        tenant,
        {
          ...request,
          model: servable.modelId,
          version: servable.version,
          rows: rowsOf(fit, request.rows),
          samples: request.samples / answered.length,
          labels,
        },
        connection,
      );
      members.push({ share, explanations });
    }
    const names = signature.inputs.map(({ name }) => name);
    return { ...scored, explanations: weightedExplanations(members, names) };
  }

  private explainerOf(tenant: string, model: OnnxModel, servable: ServableFile): Promise<Explainer> {
    let explainer = this.explainers.get(model);
    if (!explainer) {
      explainer = this.open(tenant, model, servable);
      this.explainers.set(model, explainer);
      // What failed once, such as a store that is away, may succeed the next time.
      explainer.catch(() => this.explainers.delete(model));
    }
    return explainer;
  }

  private async open(tenant: string, model: OnnxModel, servable: ServableFile): Promise<Explainer> {
    const { estimator, files, version } = servable;
    const background = await this.backgrounds.read(tenant, servable);
    const isAdditive = model.signature.definition.output.type === 'regression' && ADDITIVE.has(estimator);
    return Explainer.open(model, background, { isAdditive, identity: files.model.sha256 }).catch(
      (cause: unknown) => {
        // A FeatureErrors of the background must not be told to the caller as one of the request's own features.
        throw new Error(`the background of version ${version} of ${servable.modelId} does not fit it`, {
          cause,
        });
      },
    );
  }

  /** Ends work that takes too long, or that nobody waits for any more. @param start time of `performance.now()` */
  private refuseUseless(start: number, connection: Connection | undefined): void {
    if (connection?.destroyed)
      throw new Problem('INVALID_REQUEST', 'The caller hung up before its explanation was there.');
    const { maxExplanationSeconds: most } = this.config;
    if (performance.now() - start <= most * 1000) return;
    throw unfit('/features', `explaining them takes longer than the ${most} s allowed; send fewer rows`);
  }
}

/** @param most how many samples the request may take */
function refuseTooMany(rows: number, samples: number, most: number): void {
  if (rows * samples <= most) return;
  const mostRows = Math.floor(most / samples);
  const detail =
    mostRows > 0
      ? `may hold at most ${mostRows} rows where an explanation is asked for, holds ${rows}`
      : `explaining a row of this model takes up to ${samples} samples, more than the ${Math.floor(most)} allowed`;
  throw unfit('/features', detail);
}

/**
 * Refuses explanations that a version cannot give.
 * @throws Problem 422 where it keeps no background or does not have the class, 400 for a class of a regression
 */
export function refuseUnexplained(servable: ServableVersion, { explainedClass }: PredictRequest): void {
  if (!servable.ensemble) backgroundOf(servable);
  if (explainedClass === undefined) return;
  const { output } = servable.signature;
  if (output.type === 'regression')
    throw invalid('/options/class', 'is for a classification; this model predicts a number');
  if (!output.labels.includes(explainedClass)) {
    const labels = output.labels.slice(0, MOST_LABELS_TOLD).map((label) => JSON.stringify(label));
    const more = output.labels.length > labels.length ? ' …' : '';
    throw unfit('/options/class', `must be a class of the model: ${labels.join(', ')}${more}`);
  }
}

function toBody(explanation: Explanation, names: readonly string[]): ExplanationBody {
  const { label, baseValue, contributions, standardErrors, samples, isExact } = explanation;
  const byName = (values: Float64Array) => Object.fromEntries(names.map((name, at) => [name, values[at]!]));
  return {
    ...(label !== undefined && { class: label }),
    base_value: baseValue,
    contributions: byName(contributions),
    standard_error: byName(standardErrors),
    samples,
    exact: isExact,
  };
}
