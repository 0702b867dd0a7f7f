import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { Schedulables } from '../../platform/tasks/schedules/schedulables.js';
import { ModelsModule } from '../models/models.module.js';
import { TrainingModule } from '../training/training.module.js';
import { StudyRequests } from './study-requests.js';
import { StudySpecs } from './study-specs.js';
import { SubmitTuningDto } from './submit-tuning.dto.js';
import { TuningTrial } from './trials/trial.entity.js';
import { TrialsRepository } from './trials/trials.repository.js';
import { TrialsService } from './trials/trials.service.js';
import { TUNING } from './tuning-job.js';
import { TuningController } from './tuning.controller.js';
import { TuningProcessor } from './tuning.processor.js';
import { TuningService } from './tuning.service.js';

@Module({
  imports: [JobKindModule.of(TUNING), TypeOrmModule.forFeature([TuningTrial]), ModelsModule, TrainingModule],
  controllers: [TuningController],
  providers: [StudyRequests, StudySpecs, TrialsRepository, TrialsService, TuningProcessor, TuningService],
})
export class TuningModule {
  constructor(schedulables: Schedulables, tuning: TuningService, requests: StudyRequests) {
    schedulables.register({
      kind: TUNING.name,
      request: SubmitTuningDto,
      role: 'scientist',
      check: ({ tenant }, request) => requests.specify(tenant, request),
      submit: (caller, request) => tuning.submit(caller, request),
    });
  }
}
