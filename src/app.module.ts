import { type DynamicModule, Module } from '@nestjs/common';
import { ConfigModule } from './config/config.module.js';
import type { Config } from './config/index.js';
import { ModelsModule } from './modules/models/models.module.js';
import { ObjectsModule } from './modules/objects/objects.module.js';
import { PredictionsModule } from './modules/predictions/predictions.module.js';
import { TrainingModule } from './modules/training/training.module.js';
import { ApiKeysModule } from './platform/auth/api-keys/api-keys.module.js';
import { AuthModule } from './platform/auth/auth.module.js';
import { ComputeModule } from './platform/compute/compute.module.js';
import { DatabaseModule } from './platform/database/database.module.js';
import { HealthModule } from './platform/health/health.module.js';
import { DirectRoutesModule } from './platform/http/direct-routes.module.js';
import { SurfacesModule } from './platform/http/surfaces.module.js';
import { IdempotencyModule } from './platform/idempotency/idempotency.module.js';
import { InferenceModule } from './platform/inference/inference.module.js';
import { JobsModule } from './platform/jobs/jobs.module.js';
import { MetricsModule } from './platform/metrics/metrics.module.js';
import { ObservabilityModule } from './platform/observability/observability.module.js';
import { RateLimitModule } from './platform/rate-limit/rate-limit.module.js';
import { ScheduleModule } from './platform/schedule/schedule.module.js';
import { StorageModule } from './platform/storage/storage.module.js';

@Module({
  imports: [
    ObservabilityModule,
    ScheduleModule,
    DatabaseModule,
    SurfacesModule,
    AuthModule,
    RateLimitModule,
    DirectRoutesModule,
    StorageModule,
    ComputeModule,
    InferenceModule,
    JobsModule,
    IdempotencyModule,
    HealthModule,
    MetricsModule,
    ModelsModule,
    ObjectsModule,
    TrainingModule,
    PredictionsModule,
    ApiKeysModule,
  ],
})
export class AppModule {
  static with(config: Config): DynamicModule {
    return { module: AppModule, imports: [ConfigModule.with(config)] };
  }
}
