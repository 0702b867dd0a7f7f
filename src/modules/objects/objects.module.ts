import { Module } from '@nestjs/common';
import { ObjectsController } from './objects.controller.js';
import { ObjectsService } from './objects.service.js';
import { PresigningService } from './presigning.service.js';
import { SignedObjectsController } from './signed-objects.controller.js';

@Module({
  controllers: [ObjectsController, SignedObjectsController],
  providers: [ObjectsService, PresigningService],
})
export class ObjectsModule {}
