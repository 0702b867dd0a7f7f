import { Global, Module } from '@nestjs/common';
import { AppLogger } from './logger.js';

@Global()
@Module({ providers: [AppLogger], exports: [AppLogger] })
export class ObservabilityModule {}
