import { Global, Module } from '@nestjs/common';
import { Load } from './load.js';
import { Refusals } from './refusals.js';

@Global()
@Module({ providers: [Load, Refusals], exports: [Load, Refusals] })
export class LoadModule {}
