import { NestFactory } from '@nestjs/core';
import type { ObjectStore } from '#libs/object-store';
import { ConfigModule } from '../../config/config.module.js';
import type { Config } from '../../config/index.js';
import { OBJECT_STORE } from '../storage/object-store.token.js';
import { StorageModule } from '../storage/storage.module.js';

/** The object store that a server with these settings would use. */
export async function openStore(config: Config): Promise<{ store: ObjectStore; close: () => Promise<void> }> {
  const modules = { module: StorageModule, imports: [ConfigModule.with(config)] };
  const context = await NestFactory.createApplicationContext(modules, { logger: false, abortOnError: false });
  return { store: context.get<ObjectStore>(OBJECT_STORE), close: () => context.close() };
}
