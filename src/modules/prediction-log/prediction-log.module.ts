import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { PredictionCount } from './counts/prediction-count.entity.js';
import { PredictionCounter } from './counts/prediction-counter.js';
import { PredictionCountsController } from './counts/prediction-counts.controller.js';
import { PredictionCountsRepository } from './counts/prediction-counts.repository.js';
import { PredictionCountsService } from './counts/prediction-counts.service.js';
import {
  PredictionExportController,
  PredictionExportsController,
} from './export/prediction-export.controller.js';
import { PREDICTION_EXPORT } from './export/prediction-export-job.js';
import { PredictionExportProcessor } from './export/prediction-export.processor.js';
import { PredictionExportService } from './export/prediction-export.service.js';
import { LogErasureRepository } from './log-erasure.repository.js';
import { LogErasureService } from './log-erasure.service.js';
import { LogUpkeep } from './log-upkeep.js';
import { PredictionLogController } from './prediction-log.controller.js';
import { LoggedPrediction, LogSettings } from './prediction-log.entity.js';
import { PredictionLogRepository } from './prediction-log.repository.js';
import { PredictionLogService } from './prediction-log.service.js';
import { LogRules } from './recorder/log-rules.js';
import { PredictionRecorder } from './recorder/prediction-recorder.service.js';

@Module({
  imports: [
    ModelsModule,
    JobKindModule.of(PREDICTION_EXPORT),
    TypeOrmModule.forFeature([LoggedPrediction, LogSettings, PredictionCount]),
  ],
  controllers: [
    PredictionLogController,
    PredictionCountsController,
    PredictionExportController,
    PredictionExportsController,
  ],
  providers: [
    PredictionRecorder,
    LogRules,
    LogErasureRepository,
    LogErasureService,
    LogUpkeep,
    PredictionLogRepository,
    PredictionLogService,
    PredictionCounter,
    PredictionCountsRepository,
    PredictionCountsService,
    PredictionExportService,
    PredictionExportProcessor,
  ],
  exports: [LogErasureService, PredictionRecorder, PredictionLogService, PredictionCountsService],
})
export class PredictionLogModule {}
