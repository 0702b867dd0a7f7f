import { Module } from '@nestjs/common';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { RateLimitModule } from '../../platform/rate-limit/rate-limit.module.js';
import { Schedulables } from '../../platform/tasks/schedules/schedulables.js';
import { FeaturesModule } from '../features/features.module.js';
import { ModelsModule } from '../models/models.module.js';
import { EstimatorsService } from './estimators.service.js';
import { SubmitTrainingDto } from './submit-training.dto.js';
import { TrainingController } from './training.controller.js';
import { RefitsService } from './refits.service.js';
import { TrainingDataService } from './training-data.service.js';
import { TRAINING, VALIDATION } from './training-job.js';
import { TrainedVersionsService } from './trained-versions.service.js';
import { TrainerSpecsService } from './trainer-specs.service.js';
import { TrainingProcessor } from './training.processor.js';
import { TrainingService } from './training.service.js';
import { ValidationProcessor } from './validation.processor.js';
import { ValidationService } from './validation.service.js';

@Module({
  imports: [
    JobKindModule.of(TRAINING),
    JobKindModule.of(VALIDATION),
    FeaturesModule,
    ModelsModule,
    RateLimitModule,
  ],
  controllers: [TrainingController],
  providers: [
    EstimatorsService,
    RefitsService,
    TrainedVersionsService,
    TrainerSpecsService,
    TrainingDataService,
    TrainingProcessor,
    TrainingService,
    ValidationProcessor,
    ValidationService,
  ],
  exports: [
    EstimatorsService,
    RefitsService,
    TrainedVersionsService,
    TrainerSpecsService,
    TrainingDataService,
    TrainingService,
  ],
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
