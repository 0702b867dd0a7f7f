import { Module } from '@nestjs/common';
import { JobKindModule } from '../../platform/jobs/jobs.module.js';
import { CombinedVersions } from '../models/combined-versions.service.js';
import { ModelsModule } from '../models/models.module.js';
import { ServingModule } from '../serving/serving.module.js';
import { EnsembleCards } from './ensemble-cards.service.js';
import { ensembleCardPage } from './ensemble-card-page.js';
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
    EnsembleCards,
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
export class EnsemblesModule {
  constructor(combined: CombinedVersions, exports: EnsembleExports, cards: EnsembleCards) {
    combined.madeBy({
      artifact: (...version) => exports.make(...version),
      card: async (...version) => {
        const json = await cards.make(...version);
        return { json, page: ensembleCardPage(json) };
      },
    });
  }
}
