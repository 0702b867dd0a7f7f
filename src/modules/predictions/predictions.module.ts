import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ModelsModule } from '../models/models.module.js';
import { LogController } from './log/log.controller.js';
import { LogRepository } from './log/log.repository.js';
import { LogRules } from './log/log-rules.js';
import { LogService } from './log/log.service.js';
import { LogUpkeep } from './log/log-upkeep.js';
import { LoggedPrediction, LogSettings } from './log/prediction-log.entity.js';
import { PredictionLog } from './log/prediction-log.js';
import { ModelCatalog } from './model-catalog.js';
import { PredictionsController } from './predictions.controller.js';
import { PredictionsService } from './predictions.service.js';
import { RevisionListener } from './revision-listener.js';

@Module({
  imports: [ModelsModule, TypeOrmModule.forFeature([LoggedPrediction, LogSettings])],
  controllers: [PredictionsController, LogController],
  providers: [
    ModelCatalog,
    RevisionListener,
    PredictionsService,
    PredictionLog,
    LogRules,
    LogUpkeep,
    LogRepository,
    LogService,
  ],
})
export class PredictionsModule {}
