import { Module } from '@nestjs/common';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { TrainingController } from './training.controller.js';
import { TrainingData } from './training-data.js';
import { TRAINING } from './training-job.js';
import { TrainingProcessor } from './training.processor.js';
import { TrainingService } from './training.service.js';

@Module({
  imports: [JobKindModule.of(TRAINING), ModelsModule],
  controllers: [TrainingController],
  providers: [TrainingService, TrainingData, TrainingProcessor],
})
export class TrainingModule {}
