import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RateLimiter } from './rate-limiter.js';
import { SharedBuckets } from './shared-buckets.js';

/** Its guard asks who calls, so it is imported after the module that finds that out. */
@Module({
  providers: [
    SharedBuckets,
    RateLimiter,
    RateLimitGuard,
    { provide: APP_GUARD, useExisting: RateLimitGuard },
  ],
  exports: [RateLimiter, RateLimitGuard],
})
export class RateLimitModule {}
