import { Module } from '@nestjs/common';
import { FeaturesModule } from '../features/features.module.js';
import { PredictionLogModule } from '../prediction-log/prediction-log.module.js';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { RateLimitModule } from '../../platform/rate-limit/rate-limit.module.js';
import { Schedulables } from '../../platform/tasks/schedules/schedulables.js';
import { ServingModule } from '../serving/serving.module.js';
import { PREDICTION } from './async/async-prediction-job.js';
import { AsyncPredictionsController } from './async/async-predictions.controller.js';
import { AsyncPredictionsProcessor } from './async/async-predictions.processor.js';
import { AsyncPredictionsService } from './async/async-predictions.service.js';
import { BatchController } from './batch/batch.controller.js';
import { BatchInput } from './batch/batch-input.js';
import { BATCH } from './batch/batch-job.js';
import { BatchOutput } from './batch/batch-output.js';
import { BatchRoom } from './batch/batch-room.js';
import { BatchProcessor } from './batch/batch.processor.js';
import { BatchSpecs } from './batch/batch-specs.js';
import { BatchService } from './batch/batch.service.js';
import { SubmitBatchDto } from './batch/submit-batch.dto.js';
import { EnsemblePredictionsController } from './ensemble-predictions.controller.js';
import { Backgrounds } from './explanations/backgrounds.js';
import { EnsembleFunctions } from './explanations/ensemble-functions.js';
import { ExplanationsService } from './explanations/explanations.service.js';
import { PredictionFailures } from './prediction-failures.js';
import { PredictionsByEntity } from './predictions-by-entity.js';
import { PredictionsController } from './predictions.controller.js';
import { PredictionsService } from './predictions.service.js';

@Module({
  imports: [
    ServingModule,
    FeaturesModule,
    PredictionLogModule,
    RateLimitModule,
    JobKindModule.of(PREDICTION),
    JobKindModule.of(BATCH),
  ],
  controllers: [
    PredictionsController,
    EnsemblePredictionsController,
    AsyncPredictionsController,
    BatchController,
  ],
  providers: [
    PredictionFailures,
    PredictionsByEntity,
    PredictionsService,
    Backgrounds,
    EnsembleFunctions,
    ExplanationsService,
    AsyncPredictionsService,
    AsyncPredictionsProcessor,
    BatchInput,
    BatchOutput,
    BatchRoom,
    BatchService,
    BatchProcessor,
    BatchSpecs,
  ],
})
export class PredictionsModule {
  constructor(schedulables: Schedulables, batches: BatchService) {
    schedulables.register({
      kind: BATCH.name,
      request: SubmitBatchDto,
      role: 'predictor',
      check: ({ tenant }, request) => batches.check(tenant, request),
      submit: (caller, request) => batches.submit(caller, request),
    });
  }
}
