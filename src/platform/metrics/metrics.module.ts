import { Module } from '@nestjs/common';
import { MetricsController } from './metrics.controller.js';
import { ServiceMetrics } from './service-metrics.js';

@Module({ controllers: [MetricsController], providers: [ServiceMetrics] })
export class MetricsModule {}
