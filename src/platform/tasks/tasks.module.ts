import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Task } from './task.entity.js';
import { Tasks } from './tasks.js';
import { TasksRepository } from './tasks.repository.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([Task])],
  providers: [Tasks, TasksRepository],
  exports: [Tasks, TasksRepository],
})
export class TasksModule {}
