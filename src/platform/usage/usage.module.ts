import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { TenantUsage } from './tenant-usage.entity.js';
import { UsageController } from './usage.controller.js';
import { UsageCounter } from './usage-counter.js';
import { UsageRepository } from './usage.repository.js';
import { UsageService } from './usage.service.js';
import { UsageUpkeep } from './usage-upkeep.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([TenantUsage])],
  controllers: [UsageController],
  providers: [UsageCounter, UsageRepository, UsageService, UsageUpkeep],
  exports: [UsageCounter],
})
export class UsageModule {}
