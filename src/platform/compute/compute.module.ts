import { Global, Module } from '@nestjs/common';
import { Compute } from './compute.js';
import { EmbeddedEngine } from './embedded-engine.js';

@Global()
@Module({ providers: [Compute, EmbeddedEngine], exports: [Compute] })
export class ComputeModule {}
