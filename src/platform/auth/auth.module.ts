import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessCheck } from './access-check.js';
import { AccessGuard } from './access.guard.js';
import { ApiKey } from './api-keys/api-key.entity.js';
import { ApiKeyLookup } from './api-keys/api-key-lookup.js';
import { ApiKeyUse } from './api-keys/api-key-use.js';
import { ApiKeyVerifier } from './api-keys/api-key-verifier.js';
import { ApiKeysRepository } from './api-keys/api-keys.repository.js';
import { JwtStrategy } from './jwt.strategy.js';
import { TokenVerifier } from './token-verifier.js';

@Module({
  imports: [DiscoveryModule, TypeOrmModule.forFeature([ApiKey])],
  exports: [AccessGuard, ApiKeyVerifier, ApiKeysRepository],
  providers: [
    TokenVerifier,
    JwtStrategy,
    ApiKeysRepository,
    ApiKeyLookup,
    ApiKeyUse,
    ApiKeyVerifier,
    AccessCheck,
    AccessGuard,
    { provide: APP_GUARD, useExisting: AccessGuard },
  ],
})
export class AuthModule {}
