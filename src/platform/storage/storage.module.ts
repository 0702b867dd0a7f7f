import { Global, Module } from '@nestjs/common';
import { FolderObjectStore, type ObjectStore } from '#libs/object-store';
import { RuntimeConfig } from '../../config/index.js';
import { Artifacts } from './artifacts.js';
import { Grants } from './grants.js';
import { OBJECT_STORE } from './object-store.token.js';

@Global()
@Module({
  providers: [
    Artifacts,
    Grants,
    {
      provide: OBJECT_STORE,
      inject: [RuntimeConfig],
      useFactory: (config: RuntimeConfig): ObjectStore => new FolderObjectStore(config.objectsDir),
    },
  ],
  exports: [Artifacts, Grants, OBJECT_STORE],
})
export class StorageModule {}
