import { Module } from '@nestjs/common';
import { ModelsModule } from '../models/models.module.js';
import { EnsembleDrafts } from './ensemble-drafts.js';
import { EnsemblesController } from './ensembles.controller.js';
import { EnsemblesService } from './ensembles.service.js';

@Module({
  imports: [ModelsModule],
  controllers: [EnsemblesController],
  providers: [EnsembleDrafts, EnsemblesService],
})
export class EnsemblesModule {}
