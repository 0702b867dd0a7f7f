import { ModulesContainer, NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { defaultConfig } from './config/index.js';
import { type ObjectOwner, ownersIn } from './platform/storage/object-owners.js';

/** The owners that a server would ask, for commands beside it: Nest's preview instantiates no provider. */
export async function objectOwners(): Promise<ObjectOwner[]> {
  const app = await NestFactory.createApplicationContext(AppModule.with(defaultConfig()), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  return ownersIn(app.get(ModulesContainer));
}
