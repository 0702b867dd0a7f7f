import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { Explainer, type Explanation, type OnnxModel } from '#libs/inference';
import { PredictionsConfig } from '../../../config/index.js';
import { invalid, Problem, unfit } from '../../../platform/errors/problem.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import { Artifacts } from '../../../platform/storage/artifacts.js';
import { type Scored, type ServableVersion, ServingService } from '../../serving/serving.service.js';
import type { PredictRequest } from '../predict-request.js';
import type { ExplanationBody } from './explanation.dto.js';

/** Estimators whose regression is a sum of one term a feature. */
const ADDITIVE: ReadonlySet<string | null> = new Set(['linear_regression', 'ridge', 'lasso', 'sgd']);
const MAX_BACKGROUND_BYTES = 2 ** 24;
const MOST_LABELS_TOLD = 20;

/** background.json of the trainer. */
interface Background {
  readonly features: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** What a caller waits on. */
export interface Connection {
  readonly destroyed: boolean;
}

export interface Explained extends Scored {
  /** One a row. */
  readonly explanations: ExplanationBody[];
}

/** Explains predictions by the rows that training kept for it. */
@Injectable()
export class ExplanationsService {
  /** An explainer is forgotten together with its loaded model. */
  private readonly explainers = new WeakMap<OnnxModel, Promise<Explainer>>();
  private readonly durations;

  constructor(
    private readonly artifacts: Artifacts,
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
  scoreAndExplain(tenant: string, request: PredictRequest, connection?: Connection): Promise<Explained> {
    const { rows, explainedClass } = request;
    return this.serving.scoreAndKeep(tenant, request, async (scored, model) => {
      refuseUnexplained(scored.servable, request);
      const explainer = await this.explainerOf(tenant, model, scored.servable);
      this.refuseTooMany(rows.length, explainer.mostSamples);
      const explanations = await this.serving.waitToExplain(tenant, async () => {
        const start = performance.now();
        const checkpoint = () => this.refuseUseless(start, connection);
        const explained = await explainer.explain(rows, scored.predictions, {
          label: explainedClass,
          checkpoint,
        });
        this.durations.observe((performance.now() - start) / 1000);
        return explained;
      });
      const names = scored.servable.signature.inputs.map(({ name }) => name);
      return { ...scored, explanations: explanations.map((explanation) => toBody(explanation, names)) };
    });
  }

  private explainerOf(tenant: string, model: OnnxModel, servable: ServableVersion): Promise<Explainer> {
    let explainer = this.explainers.get(model);
    if (!explainer) {
      explainer = this.open(tenant, model, servable);
      this.explainers.set(model, explainer);
      // What failed once, such as a store that is away, may succeed the next time.
      explainer.catch(() => this.explainers.delete(model));
    }
    return explainer;
  }

  private async open(tenant: string, model: OnnxModel, servable: ServableVersion): Promise<Explainer> {
    const { estimator, files, version } = servable;
    const backgroundSha256 = backgroundOf(servable);
    const bytes = await this.artifacts.read(tenant, backgroundSha256, MAX_BACKGROUND_BYTES);
    if (createHash('sha256').update(bytes).digest('hex') !== backgroundSha256)
      throw new Error(`the background ${backgroundSha256} of ${tenant} is damaged`);
    const { features, rows } = JSON.parse(bytes.toString('utf8')) as Background;
    if (rows.length === 0) throw unexplained(version, 'its training data had no row that a prediction takes');
    const isAdditive = model.signature.definition.output.type === 'regression' && ADDITIVE.has(estimator);
    const objects = rows.map((row) => Object.fromEntries(features.map((name, at) => [name, row[at]])));
    return Explainer.open(model, objects, { isAdditive, identity: files.model.sha256 }).catch(
      (cause: unknown) => {
        // A FeatureErrors of the background must not be told to the caller as one of the request's own features.
        throw new Error(`the background ${backgroundSha256} of ${tenant} does not fit its model`, { cause });
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

  private refuseTooMany(rows: number, samples: number): void {
    const { maxExplanationSamples } = this.config;
    if (rows * samples <= maxExplanationSamples) return;
    const most = Math.floor(maxExplanationSamples / samples);
    const detail =
      most > 0
        ? `may hold at most ${most} rows where an explanation is asked for, holds ${rows}`
        : `explaining a row of this model takes up to ${samples} samples, more than the ${maxExplanationSamples} allowed`;
    throw unfit('/features', detail);
  }
}

/**
 * Refuses explanations that a version cannot give.
 * @throws Problem 422 where it keeps no background or does not have the class, 400 for a class of a regression
 */
export function refuseUnexplained(servable: ServableVersion, { explainedClass }: PredictRequest): void {
  backgroundOf(servable);
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

/** Digest of the training rows that explanations of a version compare with. @throws Problem 422 where the version has none */
function backgroundOf({ files, origin, version }: ServableVersion): string {
  if (files.background) return files.background.sha256;
  throw unexplained(
    version,
    origin === 'uploaded'
      ? 'it was uploaded, and only versions that are trained here keep the rows that explanations compare with'
      : 'it was trained before rows for explanations were kept; train the model again',
  );
}

function unexplained(version: string, why: string): Problem {
  return unfit('/options/return_explanation', `version ${version} cannot be explained: ${why}`);
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
