import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { Schedulables } from '../../platform/tasks/schedules/schedulables.js';
import { ServingModule } from '../serving/serving.module.js';
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
import { SubmitBatchDto } from './batch/submit-batch.dto.js';
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
import { PredictionsController } from './predictions.controller.js';
import { PredictionsService } from './predictions.service.js';

@Module({
  imports: [
    ServingModule,
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
    PredictionsService,
    ExplanationsService,
    PredictionLog,
    LogRules,
    LogUpkeep,
    LogRepository,
    LogService,
    AsyncPredictionsService,
    AsyncPredictionsProcessor,
    AsyncPredictionsSweeper,
    PredictionExportService,
    PredictionExportProcessor,
    BatchInput,
    BatchOutput,
    BatchService,
    BatchProcessor,
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
