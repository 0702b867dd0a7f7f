import { Module } from '@nestjs/common';
import { ModelsModule } from '../models/models.module.js';
import { ModelCatalog } from './model-catalog.js';
import { PredictionsController } from './predictions.controller.js';
import { PredictionsService } from './predictions.service.js';
import { RevisionListener } from './revision-listener.js';

@Module({
  imports: [ModelsModule],
  controllers: [PredictionsController],
  providers: [ModelCatalog, RevisionListener, PredictionsService],
})
export class PredictionsModule {}
