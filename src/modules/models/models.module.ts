import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ArtifactSweeper } from './artifact-sweeper.js';
import { Model, ModelVersion, StageChange } from './model.entity.js';
import { ModelCardController } from './model-card.controller.js';
import { ModelCardsService } from './model-cards.service.js';
import { ModelsController } from './models.controller.js';
import { ModelsRepository } from './models.repository.js';
import { ModelsService } from './models.service.js';
import { UploadsController } from './uploads.controller.js';
import { UploadsService } from './uploads.service.js';
import { VersionsService } from './versions.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Model, ModelVersion, StageChange])],
  controllers: [ModelsController, ModelCardController, UploadsController],
  providers: [
    ArtifactSweeper,
    ModelCardsService,
    ModelsRepository,
    ModelsService,
    UploadsService,
    VersionsService,
  ],
  exports: [VersionsService],
})
export class ModelsModule {}
