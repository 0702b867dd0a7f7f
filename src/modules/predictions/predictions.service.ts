import { Injectable } from '@nestjs/common';
import type { Predictions } from '#libs/inference';
import { PredictionsConfig } from '../../config/index.js';
import { invalid, Problem, unfit } from '../../platform/errors/problem.js';
import { RateLimiter } from '../../platform/rate-limit/rate-limiter.js';
import { PredictionRecorder } from '../prediction-log/recorder/prediction-recorder.service.js';
import { type Scored, type ServableVersion, ServingService } from '../serving/serving.service.js';
import { ensembleAnswer, loggedEnsemble, rowsAsked } from './ensemble-answer.js';
import { type Connection, type Explained, ExplanationsService } from './explanations/explanations.service.js';
import { certaintyOf } from './certainty.js';
import { costOfRows, parsePredictRequest, type PredictRequest } from './predict-request.js';
import { PredictionFailures } from './prediction-failures.js';
import { type FilledRequest, PredictionsByEntity } from './predictions-by-entity.js';
import type { PredictionBody } from './predictions.dto.js';

/** Answers predictions from memory: no database is on the way, and no Redis but where features of entities are looked up. */
@Injectable()
export class PredictionsService {
  constructor(
    private readonly serving: ServingService,
    private readonly explanations: ExplanationsService,
    private readonly log: PredictionRecorder,
    private readonly failures: PredictionFailures,
    private readonly byEntity: PredictionsByEntity,
    private readonly rate: RateLimiter,
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
    let request: PredictRequest | FilledRequest;
    let scored: Scored | Promise<Scored & Partial<Explained>>;
    try {
      request = parsePredictRequest(body, this.config.maxRows);
      scored = request.entities
        ? this.byEntity.fill(tenant, request).then((filled) => {
            request = filled;
            return this.score(tenant, filled, connection);
          })
        : this.score(tenant, request, connection);
    } catch (error) {
      return fail(error);
    }
    const answer = (found: Scored & Partial<Explained>): PredictionBody => {
      try {
        if (request.returnMembers && !found.ensemble)
          throw unfit('/options/return_members', 'is for an ensemble; this model has no members');
        return this.answer(tenant, requestId, request, found, start);
      } catch (error) {
        return fail(error);
      }
    };
    return scored instanceof Promise ? scored.then(answer, fail) : answer(scored);
  }

  /**
   * Like `predict`, with the model that the path names.
   * @throws Problem 404 also for a model that is no ensemble; 400 for a body that names a model
   */
  async predictWithEnsemble(
    tenant: string,
    requestId: string,
    ensembleId: string,
    body: unknown,
    connection: Connection,
  ): Promise<PredictionBody> {
    if (typeof body === 'object' && body !== null && 'model_id' in body)
      throw invalid('/model_id', 'is not a known field; the path names the ensemble');
    const named = { ...(body as object), model_id: ensembleId };
    const { version } = named as { version?: unknown };
    const asked = typeof version === 'string' ? version : undefined;
    const servable =
      this.serving.servableInMemory(tenant, ensembleId, asked) ??
      (await this.serving.servable(tenant, ensembleId, asked));
    if (!servable.ensemble) throw new Problem('MODEL_NOT_FOUND', `The model ${ensembleId} is no ensemble.`);
    return this.predict(tenant, requestId, named, connection);
  }

  private score(
    tenant: string,
    request: PredictRequest,
    connection: Connection | undefined,
  ): Scored | Promise<Scored & Partial<Explained>> {
    return request.returnExplanation
      ? this.explanations.scoreAndExplain(tenant, request, connection)
      : this.serving.score(tenant, request);
  }

  private answer(
    tenant: string,
    requestId: string,
    request: PredictRequest | FilledRequest,
    { servable, predictions: scored, explanations, ensemble }: Scored & Partial<Explained>,
    start: number,
  ): PredictionBody {
    const { single, coverage, rows, returnExplanation } = request;
    // The request has paid for one model; how many an ensemble asks only its answer tells.
    if (ensemble) {
      const further = rowsAsked(ensemble, rows.length) - rows.length;
      this.rate.charge(tenant, costOfRows(further, returnExplanation));
    }
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
      ...(ensemble && ensembleAnswer(servable, scored, ensemble, request)),
      ...('gaps' in request && { feature_gaps: single ? request.gaps[0] : request.gaps }),
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
      ...(ensemble && { ensemble: loggedEnsemble(ensemble) }),
      ...(request.entities && { entityKeys: request.entities }),
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
