import { Global, Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { RateLimitModule } from '../rate-limit/rate-limit.module.js';
import { AcceptQueue } from './accept-queue.js';
import { DirectRoutes } from './direct-routes.js';
import { LargeBodies } from './large-bodies.js';

@Global()
@Module({
  imports: [AuthModule, RateLimitModule],
  providers: [AcceptQueue, DirectRoutes, LargeBodies],
  exports: [DirectRoutes],
})
export class DirectRoutesModule {}
