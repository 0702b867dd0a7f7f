import { Injectable } from '@nestjs/common';
import { AsyncPredictionsConfig, PredictionsConfig } from '../../../config/index.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ERROR_STATUS, type ErrorCode } from '../../../platform/errors/error-code.js';
import { Problem } from '../../../platform/errors/problem.js';
import { stringifyInTurns } from '../../../platform/http/json-in-turns.js';
import type { Job } from '../../../platform/jobs/job.entity.js';
import { JobsService } from '../../../platform/jobs/jobs.service.js';
import { type ServableVersion, ServingService } from '../../serving/serving.service.js';
import { widthOf } from '../certainty.js';
import { refuseUnexplained } from '../explanations/explanations.service.js';
import { parsePredictRequest } from '../predict-request.js';
import { PredictionFailures } from '../prediction-failures.js';
import { PredictionsByEntity } from '../predictions-by-entity.js';
import {
  type AsyncPredictionSpec,
  type AsyncPredictionSummary,
  PREDICTION,
  type RequestText,
} from './async-prediction-job.js';
import type { AsyncPredictionBody } from './async-predictions.dto.js';

/** Predictions that are answered later, as their tenant uses them. */
@Injectable()
export class AsyncPredictionsService {
  constructor(
    private readonly jobs: JobsService,
    private readonly serving: ServingService,
    private readonly failures: PredictionFailures,
    private readonly byEntity: PredictionsByEntity,
    private readonly predictions: PredictionsConfig,
    private readonly config: AsyncPredictionsConfig,
  ) {}

  /** @throws Problem what the single prediction would be refused with: 400, 404, 409 or 422; it is counted */
  async submit(caller: Identity, requestId: string, body: object): Promise<AsyncPredictionBody> {
    const servable = await this.check(caller.tenant, requestId, body);
    const spec: AsyncPredictionSpec = {
      request_id: requestId,
      model_id: servable.modelId,
      version: servable.version,
      request: await stringifyInTurns({ ...body, model_id: servable.modelId, version: servable.version }),
    };
    const job = await this.jobs.submit(caller.tenant, PREDICTION, { spec, by: caller });
    return toBody(job);
  }

  /**
   * The prediction as JSON text, or the job while there is none yet.
   * @throws Problem 404 also once it was kept long enough, 409 where it was cancelled, or what it failed with
   */
  async get(tenant: string, id: string): Promise<{ isThere: boolean; json: string }> {
    const { job, request } = await this.jobs.getWithRequest(tenant, PREDICTION, id);
    if (!job.endedAt) {
      const waiting = { ...toBody(job), submitted_by: job.submittedBy, api_key: job.apiKey };
      const { text } = (request as RequestText | null) ?? { text: 'null' };
      return { isThere: false, json: `${JSON.stringify(waiting).slice(0, -1)},"request":${text}}` };
    }
    if (job.endedAt.getTime() + this.config.keptSeconds * 1000 < Date.now())
      throw new Problem('JOB_NOT_FOUND', `There is no job ${id}.`);
    if (job.result) return { isThere: true, json: job.result.answer };
    if (job.status === 'cancelled') throw new Problem('JOB_ENDED', 'The prediction was cancelled.');
    throw failureOf(job);
  }

  async cancel(tenant: string, id: string): Promise<AsyncPredictionBody> {
    return toBody(await this.jobs.cancel(tenant, PREDICTION, id));
  }

  /** @returns the version that will answer */
  private async check(tenant: string, requestId: string, body: object): Promise<ServableVersion> {
    let servable: ServableVersion | undefined;
    try {
      const request = parsePredictRequest(body, this.predictions.maxRows);
      servable = await this.serving.servable(tenant, request.model, request.version);
      if (request.returnExplanation) refuseUnexplained(servable, request);
      if (request.coverage !== undefined) widthOf(servable, request.coverage);
      // Features of entities are looked up when the prediction is made.
      if (request.entities) await this.byEntity.check(tenant, servable, request);
      else await this.serving.checkRows(servable, request);
      return servable;
    } catch (error) {
      this.failures.count(tenant, requestId, body, error, servable);
      throw error;
    }
  }
}

/** Asking again would not help: what was the service's fault for a while is its fault for good by now. */
function failureOf({ errorCode, errorMessage }: Job): Problem {
  const code = errorCode as ErrorCode;
  const isCallers = ERROR_STATUS[code] < 500;
  return new Problem(isCallers ? code : 'INTERNAL_ERROR', `The prediction failed: ${errorMessage}`);
}

function toBody(job: Job<AsyncPredictionSummary>): AsyncPredictionBody {
  const { request_id, model_id, version } = job.spec;
  return {
    job_id: job.id,
    status: job.status,
    request_id,
    model_id,
    version,
    created_at: job.createdAt.toISOString(),
  };
}
