import { Module } from '@nestjs/common';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { ServingModule } from '../serving/serving.module.js';
import { CALIBRATION } from './calibration-job.js';
import { CalibrationProcessor } from './calibration.processor.js';
import { CalibrateController, CalibrationsController } from './calibrations.controller.js';
import { CalibrationsService } from './calibrations.service.js';

@Module({
  imports: [JobKindModule.of(CALIBRATION), ModelsModule, ServingModule],
  controllers: [CalibrateController, CalibrationsController],
  providers: [CalibrationsService, CalibrationProcessor],
})
export class CalibrationsModule {}
