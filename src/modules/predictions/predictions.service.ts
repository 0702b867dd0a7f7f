import { Injectable } from '@nestjs/common';
import type { Predictions } from '#libs/inference';
import { PredictionsConfig } from '../../config/index.js';
import { PredictionRecorder } from '../prediction-log/recorder/prediction-recorder.service.js';
import { type Scored, type ServableVersion, ServingService } from '../serving/serving.service.js';
import { type Connection, type Explained, ExplanationsService } from './explanations/explanations.service.js';
import { certaintyOf } from './certainty.js';
import { parsePredictRequest, type PredictRequest } from './predict-request.js';
import { PredictionFailures } from './prediction-failures.js';
import type { PredictionBody } from './predictions.dto.js';

/** Answers predictions from memory: no database and no Redis on the way. */
@Injectable()
export class PredictionsService {
  constructor(
    private readonly serving: ServingService,
    private readonly explanations: ExplanationsService,
    private readonly log: PredictionRecorder,
    private readonly failures: PredictionFailures,
    private readonly config: PredictionsConfig,
  ) {}

  /**
   * @param connection on which the caller waits, if any: explanations, which may take long, end with it
   * @throws Problem 400 for the envelope, 404 or 409 from the registry, 422 naming every feature that does not fit or
   * where the version cannot say how sure it is, 503 where too many wait for the model; each is counted
   */
  predict(
    tenant: string,
    requestId: string,
    body: unknown,
    connection?: Connection,
  ): PredictionBody | Promise<PredictionBody> {
    const start = performance.now();
    const fail = (error: unknown): never => {
      this.failures.count(tenant, requestId, body, error);
      throw error;
    };
    try {
      const request = parsePredictRequest(body, this.config.maxRows);
      const answer = (scored: Scored & Partial<Explained>) =>
        this.answer(tenant, requestId, request, scored, start);
      const scored = request.returnExplanation
        ? this.explanations.scoreAndExplain(tenant, request, connection)
        : this.serving.score(tenant, request);
      if (!(scored instanceof Promise)) return answer(scored);
      // Only an answer that tells its coverage may itself be refused.
      return request.coverage === undefined ? scored.then(answer, fail) : scored.then(answer).catch(fail);
    } catch (error) {
      return fail(error);
    }
  }

  private answer(
    tenant: string,
    requestId: string,
    request: PredictRequest,
    { servable, predictions: scored, explanations }: Scored & Partial<Explained>,
    start: number,
  ): PredictionBody {
    const { single, coverage } = request;
    const certainty = coverage === undefined ? undefined : certaintyOf(servable, scored, coverage, single);
    const warnings = certainty ? [...scored.warnings, ...certainty.warnings] : scored.warnings;
    const answer: PredictionBody = {
      request_id: requestId,
      model_id: servable.modelId,
      version: servable.version,
      prediction: scored.predictions,
      ...(request.returnProbabilities && withClasses(servable, scored)),
      ...(scored.confidences && { confidence: single ? scored.confidences[0] : scored.confidences }),
      ...(servable.threshold !== null && { threshold: servable.threshold }),
      ...certainty?.answer,
      ...(explanations && { explanation: single ? explanations[0] : explanations }),
      latency_ms: Math.round((performance.now() - start) * 1000) / 1000,
      ...(warnings.length > 0 && { warnings }),
    };
    this.log.record({
      tenant,
      requestId,
      modelId: servable.modelId,
      version: servable.version,
      rows: request.rows,
      single: request.single,
      latencyMs: answer.latency_ms,
      // Warnings quote values of features; explanations, intervals and sets can be asked for again: none is logged.
      prediction: answer.prediction,
      probabilities: answer.probabilities,
      classes: answer.classes,
      confidence: answer.confidence,
    });
    return answer;
  }
}

function withClasses(
  { signature: { output } }: ServableVersion,
  { probabilities }: Predictions,
): Pick<PredictionBody, 'probabilities' | 'classes'> {
  return output.type === 'classification' && probabilities ? { probabilities, classes: output.labels } : {};
}
