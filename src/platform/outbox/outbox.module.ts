import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { OutboxEvent, OutboxSequence } from './outbox.entity.js';
import { Outbox } from './outbox.js';
import { OutboxReader } from './outbox-reader.js';
import { OutboxRepository } from './outbox.repository.js';
import { OutboxSweeper } from './outbox-sweeper.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([OutboxEvent, OutboxSequence])],
  controllers: [EventsController],
  providers: [EventsService, Outbox, OutboxReader, OutboxRepository, OutboxSweeper],
  exports: [Outbox, OutboxReader],
})
export class OutboxModule {}
