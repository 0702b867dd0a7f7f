import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type ObjectStore, S3ObjectStore } from '#libs/object-store';
import { RuntimeConfig, S3Config, StorageConfig } from '../../config/index.js';
import { RateLimitModule } from '../rate-limit/rate-limit.module.js';
import { ArtifactSweeper } from './artifact-sweeper.js';
import { Artifacts } from './artifacts.js';
import { DataFiles } from './data-files.js';
import { DiskSpace } from './disk-space.js';
import { Grants } from './grants.js';
import { ObjectOwners } from './object-owners.js';
import { OBJECT_STORE } from './object-store.token.js';
import { openObjectStore } from './open-object-store.js';
import { SignedUrls } from './signed-urls.js';
import { StorageLocation } from './storage-location.js';
import { StorageRecount } from './storage-recount.js';
import { StoredBytes, StoredItem } from './stored-item.entity.js';
import { StoredItemsRepository } from './stored-items.repository.js';
import { TenantStorage } from './tenant-storage.js';

@Global()
@Module({
  imports: [RateLimitModule, TypeOrmModule.forFeature([StoredItem, StoredBytes])],
  providers: [
    Artifacts,
    ArtifactSweeper,
    DataFiles,
    DiskSpace,
    Grants,
    ObjectOwners,
    SignedUrls,
    StorageLocation,
    StorageRecount,
    StoredItemsRepository,
    TenantStorage,
    {
      provide: OBJECT_STORE,
      inject: [RuntimeConfig, StorageConfig, S3Config],
      useFactory: openObjectStore,
    },
  ],
  exports: [
    Artifacts,
    DataFiles,
    DiskSpace,
    Grants,
    SignedUrls,
    StorageLocation,
    TenantStorage,
    OBJECT_STORE,
  ],
})
export class StorageModule implements OnApplicationShutdown {
  constructor(@Inject(OBJECT_STORE) private readonly store: ObjectStore) {}

  onApplicationShutdown(): void {
    if (this.store instanceof S3ObjectStore) this.store.close();
  }
}
