import { Module } from '@nestjs/common';
import { MetricsController } from './metrics.controller.js';
import { ServiceMetrics } from './service-metrics.js';
import { WorkerMetrics } from './worker-metrics.js';

@Module({ controllers: [MetricsController], providers: [ServiceMetrics, WorkerMetrics] })
export class MetricsModule {}
