import { Module } from '@nestjs/common';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { RateLimitModule } from '../../platform/rate-limit/rate-limit.module.js';
import { Schedulables } from '../../platform/tasks/schedules/schedulables.js';
import { ModelsModule } from '../models/models.module.js';
import { SubmitTrainingDto } from './submit-training.dto.js';
import { TrainingController } from './training.controller.js';
import { RefitsService } from './refits.service.js';
import { TrainingData } from './training-data.js';
import { TRAINING, VALIDATION } from './training-job.js';
import { TrainerSpecs } from './trainer-specs.js';
import { TrainingProcessor } from './training.processor.js';
import { TrainingService } from './training.service.js';
import { ValidationProcessor } from './validation.processor.js';
import { ValidationService } from './validation.service.js';

@Module({
  imports: [JobKindModule.of(TRAINING), JobKindModule.of(VALIDATION), ModelsModule, RateLimitModule],
  controllers: [TrainingController],
  providers: [
    RefitsService,
    TrainerSpecs,
    TrainingData,
    TrainingProcessor,
    TrainingService,
    ValidationProcessor,
    ValidationService,
  ],
  exports: [RefitsService],
})
export class TrainingModule {
  constructor(schedulables: Schedulables, training: TrainingService) {
    schedulables.register({
      kind: TRAINING.name,
      request: SubmitTrainingDto,
      role: 'scientist',
      check: ({ tenant }, request) => training.specify(tenant, request),
      submit: (caller, request) => training.submit(caller, request),
    });
  }
}
