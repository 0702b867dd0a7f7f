import { type DynamicModule, Module } from '@nestjs/common';
import { Config } from './index.js';

/** Makes every config class injectable everywhere, and all of them together as `Config`. */
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    const classes = config.entries().map(([provide, useValue]) => ({ provide, useValue }));
    const providers = [...classes, { provide: Config, useValue: config }];
    return { module: ConfigModule, global: true, providers, exports: providers };
  }
}
