import { Module } from '@nestjs/common';
import { RateLimitModule } from '../../platform/rate-limit/rate-limit.module.js';
import { MeController } from './me.controller.js';
import { MeService } from './me.service.js';

@Module({
  imports: [RateLimitModule],
  controllers: [MeController],
  providers: [MeService],
})
export class MeModule {}
