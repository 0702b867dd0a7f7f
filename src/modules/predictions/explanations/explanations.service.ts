import { Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { Explainer, type Explanation, type OnnxModel, type Predictions } from '#libs/inference';
import { PredictionsConfig } from '../../../config/index.js';
import { Problem, unfit } from '../../../platform/errors/problem.js';
import { Overload } from '../../../platform/http/overload.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import { Artifacts } from '../../../platform/storage/artifacts.js';
import type { ServableVersion } from '../../models/versions.service.js';
import type { LoadedModel } from '../model-catalog.js';
import type { PredictRequest } from '../predict-request.js';
import type { ExplanationBody } from './explanation.dto.js';

/** Estimators whose regression is a sum of one term a feature. */
const ADDITIVE: ReadonlySet<string | null> = new Set(['linear_regression', 'ridge', 'lasso', 'sgd']);
const MOST_BYTES = 2 ** 24;
/** Explanations under way together; each of them takes turns with the others, block by block. */
const MOST_AT_ONCE = 4;
const MOST_WAITING = 64;
/** What it may take until one of those that wait has its turn. */
const DRAIN_MS = 5000;

/** background.json of the trainer. */
interface Background {
  readonly features: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Explains predictions by the rows that training kept for it. */
@Injectable()
export class ExplanationsService {
  /** Gone with the loaded model. */
  private readonly explainers = new WeakMap<OnnxModel, Promise<Explainer>>();
  private readonly durations;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly artifacts: Artifacts,
    private readonly config: PredictionsConfig,
    private readonly overload: Overload,
    metrics: Metrics,
  ) {
    this.durations = metrics.histogram(
      'modelplane_explanation_duration_seconds',
      'Explaining the rows of a request, without waiting for others.',
    );
  }

  /**
   * The model must be kept meanwhile.
   * @returns one explanation a row
   * @throws Problem 422 where the version keeps no background or the request asks for too much, 503 where too many wait
   */
  async explain(
    tenant: string,
    { model, servable }: LoadedModel,
    { rows }: PredictRequest,
    predicted: Predictions,
  ): Promise<ExplanationBody[]> {
    const explainer = await this.explainerOf(tenant, model, servable);
    this.refuseTooMany(rows.length, explainer.mostSamples);
    await this.turn();
    const start = performance.now();
    try {
      const names = model.signature.definition.inputs.map(({ name }) => name);
      const explanations = await explainer.explain(rows, predicted);
      this.durations.observe((performance.now() - start) / 1000);
      return explanations.map((explanation) => toBody(explanation, names));
    } finally {
      // The place is handed on, so that nobody who comes now takes it.
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
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
    const bytes = await this.artifacts.read(tenant, backgroundSha256, MOST_BYTES);
    if (createHash('sha256').update(bytes).digest('hex') !== backgroundSha256)
      throw new Error(`the background ${backgroundSha256} of ${tenant} is damaged`);
    const { features, rows } = JSON.parse(bytes.toString('utf8')) as Background;
    if (rows.length === 0) throw unexplained(version, 'its training data had no row that a prediction takes');
    const isAdditive = model.signature.definition.output.type === 'regression' && ADDITIVE.has(estimator);
    const objects = rows.map((row) => Object.fromEntries(features.map((name, at) => [name, row[at]])));
    return Explainer.open(model, objects, { isAdditive, identity: files.model.sha256 }).catch(
      (cause: unknown) => {
        // Not what the caller sent.
        throw new Error(`the background ${backgroundSha256} of ${tenant} does not fit its model`, { cause });
      },
    );
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

  private async turn(): Promise<void> {
    if (this.running < MOST_AT_ONCE) {
      this.running++;
      return;
    }
    if (this.waiting.length >= MOST_WAITING) {
      throw this.overload.refuse('explanations', DRAIN_MS, `${MOST_WAITING} explanations wait already`);
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

/** The digest of the rows that explanations compare with. @throws Problem 422 where the version has none */
export function backgroundOf({ files, origin, version }: ServableVersion): string {
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
