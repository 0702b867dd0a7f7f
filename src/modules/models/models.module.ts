import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Artifacts } from '../../platform/storage/artifacts.js';
import { CertaintiesService } from './certainty/certainties.service.js';
import { CertaintiesRepository } from './certainty/certainties.repository.js';
import { CertaintyController } from './certainty/certainty.controller.js';
import { VersionCertainty } from './certainty/version-certainty.entity.js';
import { CombinedVersions } from './combined-versions.service.js';
import { EnsembleVersionsService } from './ensemble-versions.service.js';
import { FeatureVersionsService } from './feature-versions.service.js';
import { Model, ModelVersion, StageChange, VersionFile } from './model.entity.js';
import { ModelCardController } from './model-card.controller.js';
import { ModelCardsService } from './model-cards.service.js';
import { ModelFinder } from './model-finder.js';
import { RECEIVED_MODELS, VERSION_FILES } from './model-objects.js';
import { ModelsController } from './models.controller.js';
import { ModelsRepository } from './models.repository.js';
import { ModelsService } from './models.service.js';
import { UploadsController } from './uploads.controller.js';
import { UploadsService } from './uploads.service.js';
import { VersionsService } from './versions.service.js';

@Module({
  imports: [
    Artifacts.ownedBy(VERSION_FILES, RECEIVED_MODELS),
    TypeOrmModule.forFeature([Model, ModelVersion, VersionFile, VersionCertainty, StageChange]),
  ],
  controllers: [ModelsController, ModelCardController, CertaintyController, UploadsController],
  providers: [
    CertaintiesRepository,
    CertaintiesService,
    CombinedVersions,
    EnsembleVersionsService,
    FeatureVersionsService,
    ModelCardsService,
    ModelFinder,
    ModelsRepository,
    ModelsService,
    UploadsService,
    VersionsService,
  ],
  exports: [
    CertaintiesService,
    CombinedVersions,
    EnsembleVersionsService,
    FeatureVersionsService,
    ModelsService,
    VersionsService,
  ],
})
export class ModelsModule {}
