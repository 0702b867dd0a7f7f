import { type DynamicModule, Module } from '@nestjs/common';
import { ConfigModule } from './config/config.module.js';
import type { Config } from './config/index.js';
import { CalibrationsModule } from './modules/calibrations/calibrations.module.js';
import { EnsemblesModule } from './modules/ensembles/ensembles.module.js';
import { FeaturesModule } from './modules/features/features.module.js';
import { MeModule } from './modules/me/me.module.js';
import { ModelsModule } from './modules/models/models.module.js';
import { ObjectsModule } from './modules/objects/objects.module.js';
import { PredictionLogModule } from './modules/prediction-log/prediction-log.module.js';
import { PredictionsModule } from './modules/predictions/predictions.module.js';
import { TrainingModule } from './modules/training/training.module.js';
import { TuningModule } from './modules/tuning/tuning.module.js';
import { WebhooksModule } from './modules/webhooks/webhooks.module.js';
import { ApiKeysModule } from './platform/auth/api-keys/api-keys.module.js';
import { AuthModule } from './platform/auth/auth.module.js';
import { ChangesModule } from './platform/changes/changes.module.js';
import { ComputeModule } from './platform/compute/compute.module.js';
import { DatabaseModule } from './platform/database/database.module.js';
import { HealthModule } from './platform/health/health.module.js';
import { DirectRoutesModule } from './platform/http/direct-routes.module.js';
import { SurfacesModule } from './platform/http/surfaces.module.js';
import { IdempotencyModule } from './platform/idempotency/idempotency.module.js';
import { InferenceModule } from './platform/inference/inference.module.js';
import { JobsModule } from './platform/jobs/jobs.module.js';
import { LoadModule } from './platform/load/load.module.js';
import { MetricsModule } from './platform/metrics/metrics.module.js';
import { ObservabilityModule } from './platform/observability/observability.module.js';
import { OutboxModule } from './platform/outbox/outbox.module.js';
import { RateLimitModule } from './platform/rate-limit/rate-limit.module.js';
import { StorageModule } from './platform/storage/storage.module.js';
import { SchedulesModule } from './platform/tasks/schedules/schedules.module.js';
import { TasksModule } from './platform/tasks/tasks.module.js';
import { TimersModule } from './platform/timers/timers.module.js';
import { UsageModule } from './platform/usage/usage.module.js';

@Module({
  imports: [
    ObservabilityModule,
    TimersModule,
    LoadModule,
    DatabaseModule,
    ChangesModule,
    TasksModule,
    OutboxModule,
    SurfacesModule,
    AuthModule,
    RateLimitModule,
    DirectRoutesModule,
    StorageModule,
    UsageModule,
    ComputeModule,
    InferenceModule,
    JobsModule,
    IdempotencyModule,
    SchedulesModule,
    HealthModule,
    MetricsModule,
    MeModule,
    ModelsModule,
    ObjectsModule,
    TrainingModule,
    TuningModule,
    CalibrationsModule,
    EnsemblesModule,
    FeaturesModule,
    PredictionsModule,
    PredictionLogModule,
    ApiKeysModule,
    WebhooksModule,
  ],
})
export class AppModule {
  static with(config: Config): DynamicModule {
    return { module: AppModule, imports: [ConfigModule.with(config)] };
  }
}
