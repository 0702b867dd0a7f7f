import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { RateLimitModule } from '../../platform/rate-limit/rate-limit.module.js';
import { Artifacts } from '../../platform/storage/artifacts.js';
import { Schedulables } from '../../platform/tasks/schedules/schedulables.js';
import { FeatureVersionsService } from '../models/feature-versions.service.js';
import { ModelsModule } from '../models/models.module.js';
import { PredictionLogModule } from '../prediction-log/prediction-log.module.js';
import { FeatureCatalog } from './catalog/feature-catalog.js';
import {
  DroppedView,
  FeatureEntityRow,
  FeatureOnlineId,
  FeatureServiceRow,
  FeatureViewRow,
} from './definitions/definition.entity.js';
import { Decisions } from './definitions/decisions.service.js';
import { DefinitionReads } from './definitions/definition-reads.service.js';
import { DefinitionsRepository } from './definitions/definitions.repository.js';
import { DefinitionsService } from './definitions/definitions.service.js';
import { EntitiesController } from './definitions/entities.controller.js';
import { LineageService } from './definitions/lineage.service.js';
import { PlanController } from './definitions/plan.controller.js';
import { PlanService } from './definitions/plan.service.js';
import { FeatureServicesController } from './definitions/services.controller.js';
import { ViewsController } from './definitions/views.controller.js';
import { ERASURE } from './erasure/erasure-job.js';
import { ErasureProcessor } from './erasure/erasure.processor.js';
import { ErasuresController, SubjectsController } from './erasure/erasures.controller.js';
import { ErasuresService } from './erasure/erasures.service.js';
import { FileErasure } from './erasure/file-erasure.js';
import { OnlineErasure } from './erasure/online-erasure.js';
import { FeatureFile } from './files/feature-file.entity.js';
import { FEATURE_FILES } from './files/feature-files.js';
import { FeatureFilesRepository } from './files/feature-files.repository.js';
import { MATERIALIZATION } from './materialization/materialization-job.js';
import { MaterializationPlans } from './materialization/materialization-plans.js';
import { MaterializationController } from './materialization/materialization.controller.js';
import { MaterializationProcessor } from './materialization/materialization.processor.js';
import { MaterializationService } from './materialization/materialization.service.js';
import { SubmitMaterializationDto } from './materialization/submit-materialization.dto.js';
import { EntityFiles } from './historical/entity-files.js';
import { HISTORICAL } from './historical/historical-job.js';
import { HistoricalController } from './historical/historical.controller.js';
import { HistoricalProcessor } from './historical/historical.processor.js';
import { HistoricalService } from './historical/historical.service.js';
import { EngineRoom } from './offline/engine-room.js';
import { FeatureJoins } from './offline/feature-joins.service.js';
import { PushedFiles } from './offline/pushed-files.js';
import { ViewSources } from './offline/view-sources.js';
import { EntityFeaturesService } from './online/entity-features.service.js';
import { DroppedValues } from './online/dropped-values.js';
import { DroppedViewsRepository } from './online/dropped-views.repository.js';
import { FreshnessRepository } from './online/freshness.repository.js';
import { Freshness } from './online/freshness.js';
import { OnlineFeaturesController } from './online/online-features.controller.js';
import { OnlineFeaturesService } from './online/online-features.service.js';
import { OnlineStore } from './online/online-store.js';
import { PushedRow } from './online/pushed-row.entity.js';
import { PushedRowsRepository } from './online/pushed-rows.repository.js';
import { PushesController } from './online/pushes.controller.js';
import { PushesService } from './online/pushes.service.js';
import { FeatureRun } from './runs/feature-run.entity.js';
import { FeatureRunsController } from './runs/feature-runs.controller.js';
import { FeatureRunsRepository } from './runs/feature-runs.repository.js';
import { FeatureRunsService } from './runs/feature-runs.service.js';
import { LoggedRowsWriter } from './skew/logged-rows.js';
import { SKEW } from './skew/skew-job.js';
import { SkewController } from './skew/skew.controller.js';
import { SkewProcessor } from './skew/skew.processor.js';
import { SkewService } from './skew/skew.service.js';

@Module({
  imports: [
    Artifacts.ownedBy(FEATURE_FILES),
    JobKindModule.of(MATERIALIZATION),
    JobKindModule.of(HISTORICAL),
    JobKindModule.of(ERASURE),
    JobKindModule.of(SKEW),
    ModelsModule,
    PredictionLogModule,
    RateLimitModule,
    TypeOrmModule.forFeature([
      FeatureEntityRow,
      FeatureViewRow,
      FeatureOnlineId,
      DroppedView,
      FeatureServiceRow,
      FeatureRun,
      PushedRow,
      FeatureFile,
    ]),
  ],
  controllers: [
    EntitiesController,
    SubjectsController,
    ErasuresController,
    ViewsController,
    FeatureServicesController,
    PlanController,
    OnlineFeaturesController,
    PushesController,
    MaterializationController,
    HistoricalController,
    SkewController,
    FeatureRunsController,
  ],
  providers: [
    Decisions,
    DefinitionReads,
    DefinitionsRepository,
    DefinitionsService,
    DroppedValues,
    DroppedViewsRepository,
    ErasureProcessor,
    ErasuresService,
    FeatureCatalog,
    FileErasure,
    OnlineErasure,
    LineageService,
    PlanService,
    OnlineStore,
    FreshnessRepository,
    Freshness,
    OnlineFeaturesService,
    EntityFeaturesService,
    PushedRowsRepository,
    PushesService,
    EngineRoom,
    EntityFiles,
    FeatureFilesRepository,
    FeatureJoins,
    FeatureRunsRepository,
    FeatureRunsService,
    HistoricalProcessor,
    HistoricalService,
    LoggedRowsWriter,
    SkewProcessor,
    SkewService,
    MaterializationPlans,
    MaterializationProcessor,
    MaterializationService,
    PushedFiles,
    ViewSources,
  ],
  exports: [EntityFeaturesService, FeatureJoins],
})
export class FeaturesModule {
  constructor(
    schedulables: Schedulables,
    materializations: MaterializationService,
    joins: FeatureJoins,
    versions: FeatureVersionsService,
  ) {
    versions.pinnedBy((tenant, service) => joins.pin(tenant, { feature_service: service }));
    schedulables.register({
      kind: MATERIALIZATION.name,
      request: SubmitMaterializationDto,
      role: 'scientist',
      check: ({ tenant }, request) => materializations.specify(tenant, request),
      submit: (caller, request) => materializations.submit(caller, request),
    });
  }
}
