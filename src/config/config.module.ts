import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from './index.js';

/** Makes every config class injectable everywhere. */
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    const providers = config.entries().map(([provide, useValue]) => ({ provide, useValue }));
    return { module: ConfigModule, global: true, providers, exports: providers };
  }
}
