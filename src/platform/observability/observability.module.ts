import { Global, Module } from '@nestjs/common';
import { AppLogger } from './logger.js';
import { Metrics } from './metrics.js';
import { Tracing } from './tracing.js';

@Global()
@Module({ providers: [AppLogger, Metrics, Tracing], exports: [AppLogger, Metrics, Tracing] })
export class ObservabilityModule {}
