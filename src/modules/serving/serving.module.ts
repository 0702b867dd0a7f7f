import { Module } from '@nestjs/common';
import { ModelsModule } from '../models/models.module.js';
import { EnsembleScorer } from './ensemble-scorer.js';
import { ModelCatalog } from './model-catalog.js';
import { ServingQueues } from './serving-queues.js';
import { ServingService } from './serving.service.js';

@Module({
  imports: [ModelsModule],
  providers: [EnsembleScorer, ModelCatalog, ServingQueues, ServingService],
  exports: [ServingService],
})
export class ServingModule {}
