import { Injectable } from '@nestjs/common';
import { asProblem } from '../../platform/errors/problem.filter.js';
import { PredictionRecorder } from '../prediction-log/recorder/prediction-recorder.service.js';
import { ServingService } from '../serving/serving.service.js';

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
   * @param version one that is known to exist; without it, the one that is in memory
   */
  count(tenant: string, requestId: string, body: unknown, error: unknown, version?: string): void {
    const { model_id: modelId, version: asked, features } = (body ?? {}) as Record<string, unknown>;
    if (typeof modelId !== 'string') return;
    const inMemory = this.serving.versionInMemory(
      tenant,
      modelId,
      typeof asked === 'string' ? asked : undefined,
    );
    this.log.countFailure(tenant, {
      requestId,
      modelId,
      version: version ?? inMemory,
      code: asProblem(error).code,
      rows: Array.isArray(features) ? features.length : 1,
    });
  }
}
