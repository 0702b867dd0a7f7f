import { Injectable } from '@nestjs/common';
import {
  FeatureErrors,
  ModelOutputError,
  ModelRunError,
  type OnnxModel,
  type Predictions,
} from '#libs/inference';
import { PredictionsConfig } from '../../config/index.js';
import { unfit } from '../../platform/errors/problem.js';
import { Overload } from '../../platform/http/overload.js';
import { PredictionRecorder } from '../prediction-log/recorder/prediction-recorder.service.js';
import type { ExplanationBody } from './explanations/explanation.dto.js';
import { ExplanationsService } from './explanations/explanations.service.js';
import { featureProblem } from './feature-problem.js';
import { type LoadedModel, ModelCatalog } from './model-catalog.js';
import { ModelQueues } from './model-queues.js';
import { parsePredictRequest, type PredictRequest } from './predict-request.js';
import { PredictionFailures } from './prediction-failures.js';
import type { PredictionBody } from './predictions.dto.js';

/** Answers predictions from memory: no database and no Redis on the way. */
@Injectable()
export class PredictionsService {
  constructor(
    private readonly catalog: ModelCatalog,
    private readonly config: PredictionsConfig,
    private readonly log: PredictionRecorder,
    private readonly failures: PredictionFailures,
    private readonly queues: ModelQueues,
    private readonly explanations: ExplanationsService,
    private readonly overload: Overload,
  ) {}

  /**
   * @throws Problem 400 for the envelope, 404 or 409 from the registry, 422 naming every feature that does not fit,
   * 503 where too many wait for the model; each is counted
   */
  predict(tenant: string, requestId: string, body: unknown): PredictionBody | Promise<PredictionBody> {
    const fail = (error: unknown): never => {
      this.failures.count(tenant, requestId, body, error);
      throw error;
    };
    try {
      const answer = this.predictUncounted(tenant, requestId, body);
      return answer instanceof Promise ? answer.catch(fail) : answer;
    } catch (error) {
      return fail(error);
    }
  }

  private predictUncounted(
    tenant: string,
    requestId: string,
    body: unknown,
  ): PredictionBody | Promise<PredictionBody> {
    const start = performance.now();
    const request = parsePredictRequest(body, this.config.maxRows);
    const loaded = this.catalog.find(tenant, request.modelId, request.version);
    const count = request.rows.length;
    if (!loaded?.model.isQuick(count, this.overload.isAlone()) || request.returnExplanation)
      return this.predictLater(tenant, requestId, request, start, loaded);
    if (!loaded.model.gathers(count))
      return this.answer(tenant, requestId, request, loaded, scoreNow(loaded, request), start);
    return loaded.model
      .predictGathered(request.rows)
      .catch(rethrow(loaded, request))
      .then((scored) => this.answer(tenant, requestId, request, loaded, scored, start));
  }

  private async predictLater(
    tenant: string,
    requestId: string,
    request: PredictRequest,
    start: number,
    found: LoadedModel | undefined,
  ): Promise<PredictionBody> {
    const { modelId, version, rows } = request;
    const loaded =
      found ?? (await this.queues.load(rows.length, () => this.catalog.get(tenant, modelId, version)));
    const answer = async () => {
      const scored = loaded.model.isQuick(rows.length, this.overload.isAlone())
        ? scoreNow(loaded, request)
        : await this.queues.run(tenant, modelId, rows.length, () =>
            loaded.model.predict(rows).catch(rethrow(loaded, request)),
          );
      if (!request.returnExplanation) return this.answer(tenant, requestId, request, loaded, scored, start);
      const explained = await this.explanations
        .explain(tenant, loaded, request, scored)
        .catch(rethrow(loaded, request));
      return this.answer(tenant, requestId, request, loaded, scored, start, explained);
    };
    // Many runs one after the other, between which the model may have to make room for another.
    return request.returnExplanation ? loaded.model.keepFor(answer) : answer();
  }

  private answer(
    tenant: string,
    requestId: string,
    request: PredictRequest,
    { model, servable }: LoadedModel,
    scored: Predictions,
    start: number,
    explained?: ExplanationBody[],
  ): PredictionBody {
    const answer: PredictionBody = {
      request_id: requestId,
      model_id: request.modelId,
      version: servable.version,
      prediction: scored.predictions,
      ...(request.returnProbabilities && scored.probabilities && withClasses(model, scored.probabilities)),
      ...(scored.confidences && { confidence: request.single ? scored.confidences[0] : scored.confidences }),
      ...(explained && { explanation: request.single ? explained[0] : explained }),
      latency_ms: Math.round((performance.now() - start) * 1000) / 1000,
      ...(scored.warnings.length > 0 && { warnings: scored.warnings }),
    };
    this.log.record({
      tenant,
      requestId,
      modelId: request.modelId,
      version: servable.version,
      rows: request.rows,
      single: request.single,
      latencyMs: answer.latency_ms,
      // Warnings quote values of features, and explanations can be asked for again: neither is logged.
      prediction: answer.prediction,
      probabilities: answer.probabilities,
      classes: answer.classes,
      confidence: answer.confidence,
    });
    return answer;
  }
}

function withClasses(
  model: OnnxModel,
  probabilities: number[][],
): Pick<PredictionBody, 'probabilities' | 'classes'> {
  const { output } = model.signature.definition;
  return output.type === 'classification' ? { probabilities, classes: output.labels } : {};
}

function scoreNow(loaded: LoadedModel, request: PredictRequest): Predictions {
  try {
    return loaded.model.predictNow(request.rows);
  } catch (error) {
    throw fault(error, loaded, request);
  }
}

/** For what is scored later. */
function rethrow(loaded: LoadedModel, request: PredictRequest) {
  return (error: unknown): never => {
    throw fault(error, loaded, request);
  };
}

/** What went wrong, as the caller may know it. */
function fault(error: unknown, { servable }: LoadedModel, { single }: PredictRequest): unknown {
  // What an uploaded model cannot answer is its maker's to mend, not the service's.
  const isUploaded = servable.origin === 'uploaded';
  if (isUploaded && (error instanceof ModelOutputError || error instanceof ModelRunError)) {
    return unfit('/features', `the uploaded model cannot answer this: ${error.message}`);
  }
  if (error instanceof ModelOutputError) {
    return unfit('/features', 'the model has no finite answer for these values; check for extreme ones');
  }
  if (!(error instanceof FeatureErrors)) return error;
  return featureProblem(error, single);
}
