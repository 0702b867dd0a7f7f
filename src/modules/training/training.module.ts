import { Module } from '@nestjs/common';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { TrainingController } from './training.controller.js';
import { TrainingData } from './training-data.js';
import { TRAINING, VALIDATION } from './training-job.js';
import { TrainerSpecs } from './trainer-specs.js';
import { TrainingProcessor } from './training.processor.js';
import { TrainingService } from './training.service.js';
import { ValidationProcessor } from './validation.processor.js';
import { ValidationService } from './validation.service.js';

@Module({
  imports: [JobKindModule.of(TRAINING), JobKindModule.of(VALIDATION), ModelsModule],
  controllers: [TrainingController],
  providers: [
    TrainerSpecs,
    TrainingData,
    TrainingProcessor,
    TrainingService,
    ValidationProcessor,
    ValidationService,
  ],
})
export class TrainingModule {}
