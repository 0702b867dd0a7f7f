import { Module } from '@nestjs/common';
import { ModelsModule } from '../models/models.module.js';
import { PredictionLogModule } from '../prediction-log/prediction-log.module.js';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { PREDICTION } from './async/async-prediction-job.js';
import { AsyncPredictionsController } from './async/async-predictions.controller.js';
import { AsyncPredictionsProcessor } from './async/async-predictions.processor.js';
import { AsyncPredictionsService } from './async/async-predictions.service.js';
import { AsyncPredictionsSweeper } from './async/async-predictions-sweeper.js';
import { BatchController } from './batch/batch.controller.js';
import { BatchInput } from './batch/batch-input.js';
import { BATCH } from './batch/batch-job.js';
import { BatchOutput } from './batch/batch-output.js';
import { BatchProcessor } from './batch/batch.processor.js';
import { BatchService } from './batch/batch.service.js';
import { ExplanationsService } from './explanations/explanations.service.js';
import { ModelCatalog } from './model-catalog.js';
import { ModelQueues } from './model-queues.js';
import { PredictionFailures } from './prediction-failures.js';
import { PredictionsController } from './predictions.controller.js';
import { PredictionsService } from './predictions.service.js';
import { RevisionListener } from './revision-listener.js';

@Module({
  imports: [ModelsModule, PredictionLogModule, JobKindModule.of(PREDICTION), JobKindModule.of(BATCH)],
  controllers: [PredictionsController, AsyncPredictionsController, BatchController],
  providers: [
    ModelCatalog,
    ModelQueues,
    RevisionListener,
    PredictionFailures,
    PredictionsService,
    ExplanationsService,
    AsyncPredictionsService,
    AsyncPredictionsProcessor,
    AsyncPredictionsSweeper,
    BatchInput,
    BatchOutput,
    BatchService,
    BatchProcessor,
  ],
})
export class PredictionsModule {}
