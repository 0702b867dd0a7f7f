import { Module } from '@nestjs/common';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { ModelsModule } from '../models/models.module.js';
import { ServingModule } from '../serving/serving.module.js';
import { TrainingModule } from '../training/training.module.js';
import { EnsembleDrafts } from './ensemble-drafts.js';
import { ENSEMBLE_FIT } from './ensemble-fit-job.js';
import { EnsembleFitProcessor } from './ensemble-fit.processor.js';
import { EnsembleFitsController, FitEnsembleController } from './ensemble-fits.controller.js';
import { EnsembleFitsService } from './ensemble-fits.service.js';
import { EnsembleExports } from './ensemble-exports.service.js';
import { EnsembleRefits } from './ensemble-refits.js';
import { EnsemblesController } from './ensembles.controller.js';
import { EnsemblesService } from './ensembles.service.js';
import { LeaderboardsService } from './leaderboards.service.js';
import { RankScales } from './rank-scales.js';

@Module({
  imports: [JobKindModule.of(ENSEMBLE_FIT), ModelsModule, ServingModule, TrainingModule],
  controllers: [EnsemblesController, FitEnsembleController, EnsembleFitsController],
  providers: [
    EnsembleDrafts,
    EnsembleExports,
    EnsembleFitProcessor,
    EnsembleFitsService,
    EnsembleRefits,
    EnsemblesService,
    LeaderboardsService,
    RankScales,
  ],
})
export class EnsemblesModule {}
