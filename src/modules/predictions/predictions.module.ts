import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ModelsModule } from '../models/models.module.js';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { PREDICTION } from './async/async-prediction-job.js';
import { AsyncPredictionsController } from './async/async-predictions.controller.js';
import { AsyncPredictionsProcessor } from './async/async-predictions.processor.js';
import { AsyncPredictionsService } from './async/async-predictions.service.js';
import { BatchController } from './batch/batch.controller.js';
import { BatchInput } from './batch/batch-input.js';
import { BATCH } from './batch/batch-job.js';
import { BatchOutput } from './batch/batch-output.js';
import { BatchProcessor } from './batch/batch.processor.js';
import { BatchSpecs } from './batch/batch-specs.js';
import { BatchService } from './batch/batch.service.js';
import { ExplanationsService } from './explanations/explanations.service.js';
import {
  PredictionExportController,
  PredictionExportsController,
} from './export/prediction-export.controller.js';
import { PREDICTION_EXPORT } from './export/prediction-export-job.js';
import { PredictionExportProcessor } from './export/prediction-export.processor.js';
import { PredictionExportService } from './export/prediction-export.service.js';
import { LogController } from './log/log.controller.js';
import { LogRepository } from './log/log.repository.js';
import { LogRules } from './log/log-rules.js';
import { LogService } from './log/log.service.js';
import { LogUpkeep } from './log/log-upkeep.js';
import { LoggedPrediction, LogSettings } from './log/prediction-log.entity.js';
import { PredictionLog } from './log/prediction-log.js';
import { ModelCatalog } from './model-catalog.js';
import { ModelQueues } from './model-queues.js';
import { PredictionsController } from './predictions.controller.js';
import { PredictionsService } from './predictions.service.js';
import { RevisionListener } from './revision-listener.js';

@Module({
  imports: [
    ModelsModule,
    JobKindModule.of(PREDICTION),
    JobKindModule.of(PREDICTION_EXPORT),
    JobKindModule.of(BATCH),
    TypeOrmModule.forFeature([LoggedPrediction, LogSettings]),
  ],
  controllers: [
    PredictionsController,
    AsyncPredictionsController,
    BatchController,
    LogController,
    PredictionExportController,
    PredictionExportsController,
  ],
  providers: [
    ModelCatalog,
    ModelQueues,
    RevisionListener,
    PredictionsService,
    ExplanationsService,
    PredictionLog,
    LogRules,
    LogUpkeep,
    LogRepository,
    LogService,
    AsyncPredictionsService,
    AsyncPredictionsProcessor,
    PredictionExportService,
    PredictionExportProcessor,
    BatchInput,
    BatchOutput,
    BatchService,
    BatchProcessor,
    BatchSpecs,
  ],
})
export class PredictionsModule {}
