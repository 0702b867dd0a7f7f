import { Injectable } from '@nestjs/common';
import { asProblem } from '../../platform/errors/problem.filter.js';
import { PredictionRecorder } from '../prediction-log/recorder/prediction-recorder.service.js';
import { type ServableVersion, ServingService } from '../serving/serving.service.js';

/** Has the prediction log count what is refused and what fails, of every request that names a model. */
@Injectable()
export class PredictionFailures {
  constructor(
    private readonly log: PredictionRecorder,
    private readonly serving: ServingService,
  ) {}

  /**
   * @param body of the request, as it came
   * @param error what the request is answered with
   * @param servable the version that was to answer, where it is known; without it, the one that is in memory
   */
  count(tenant: string, requestId: string, body: unknown, error: unknown, servable?: ServableVersion): void {
    const { model_id: model, version, features, entities } = (body ?? {}) as Record<string, unknown>;
    if (typeof model !== 'string') return;
    const asked = typeof version === 'string' ? version : undefined;
    const rows = features ?? entities;
    const known = servable ?? this.serving.servableInMemory(tenant, model, asked);
    this.log.countFailure(tenant, {
      requestId,
      modelId: known?.modelId ?? model,
      version: known?.version,
      code: asProblem(error).code,
      rows: Array.isArray(rows) ? rows.length : 1,
    });
  }
}
