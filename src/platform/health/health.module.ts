import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';
import { Heartbeat } from './heartbeat.js';

@Module({ controllers: [HealthController], providers: [HealthService, Heartbeat] })
export class HealthModule {}
