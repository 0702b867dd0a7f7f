import { Global, Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { RateLimitModule } from '../rate-limit/rate-limit.module.js';
import { DirectRoutes } from './direct-routes.js';
import { Overload } from './overload.js';

@Global()
@Module({
  imports: [AuthModule, RateLimitModule],
  providers: [DirectRoutes, Overload],
  exports: [DirectRoutes, Overload],
})
export class DirectRoutesModule {}
