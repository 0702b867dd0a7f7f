import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { AccessCheck } from './access-check.js';
import { AccessGuard } from './access.guard.js';
import { JwtStrategy } from './jwt.strategy.js';
import { TokenVerifier } from './token-verifier.js';

@Module({
  imports: [DiscoveryModule],
  providers: [TokenVerifier, JwtStrategy, AccessCheck, { provide: APP_GUARD, useClass: AccessGuard }],
})
export class AuthModule {}
