import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Schedulables } from './schedulables.js';
import { Schedule } from './schedule.entity.js';
import { ScheduleRunner } from './schedule-runner.js';
import { SchedulesController } from './schedules.controller.js';
import { SchedulesRepository } from './schedules.repository.js';
import { SchedulesService } from './schedules.service.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([Schedule])],
  controllers: [SchedulesController],
  providers: [Schedulables, ScheduleRunner, SchedulesRepository, SchedulesService],
  exports: [Schedulables],
})
export class SchedulesModule {}
