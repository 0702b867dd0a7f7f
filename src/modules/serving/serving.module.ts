import { Module } from '@nestjs/common';
import { ModelsModule } from '../models/models.module.js';
import { EnsembleScorer } from './ensemble-scorer.js';
import { LabelledTablesService } from './labelled-tables.service.js';
import { ModelCatalog } from './model-catalog.js';
import { ServingQueues } from './serving-queues.js';
import { ServingService } from './serving.service.js';

@Module({
  imports: [ModelsModule],
  providers: [EnsembleScorer, LabelledTablesService, ModelCatalog, ServingQueues, ServingService],
  exports: [LabelledTablesService, ServingService],
})
export class ServingModule {}
