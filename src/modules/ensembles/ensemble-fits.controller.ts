import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiJobId } from '../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../platform/idempotency/idempotent.decorator.js';
import { ApiRerun } from '../../platform/jobs/job-reruns.http.js';
import { JobRoutes } from '../../platform/jobs/job-routes.js';
import { ENSEMBLE_FIT, toEnsembleFitJobBody } from './ensemble-fit-job.js';
import {
  EnsembleFitJobBody,
  EnsembleFitPage,
  LeaderboardBody,
  ListEnsembleFitsQuery,
  RerunEnsembleFitBody,
  SubmitEnsembleFitDto,
  SubmittedEnsembleFitBody,
} from './ensemble-fits.dto.js';
import { EnsembleFitsService } from './ensemble-fits.service.js';
import { ApiEnsembleId } from './ensemble-id.decorator.js';
import { ShowEnsembleQuery } from './ensembles.dto.js';
import { LeaderboardsService } from './leaderboards.service.js';

@ApiTags('Ensembles')
@Controller('api/v1/ensembles/:ensemble_id')
export class FitEnsembleController {
  constructor(
    private readonly fits: EnsembleFitsService,
    private readonly leaderboards: LeaderboardsService,
  ) {}

  @Post('fit')
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Learn the weights of the members by a labelled table; makes the next version' })
  @ApiEnsembleId()
  @ApiAcceptedResponse({ type: SubmittedEnsembleFitBody })
  @ApiProblems(400, 403, 404, 409, 422)
  fit(
    @Caller() caller: Identity,
    @Param('ensemble_id') id: string,
    @Body() dto: SubmitEnsembleFitDto,
  ): Promise<SubmittedEnsembleFitBody> {
    return this.fits.submit(caller, id, dto);
  }

  @Get('leaderboard')
  @Access('viewer')
  @ApiOperation({
    summary:
      'Show how good each member is, and what the ensemble is without it, by the table that fitted it last',
  })
  @ApiEnsembleId()
  @ApiOkResponse({ type: LeaderboardBody })
  @ApiProblems(400, 404)
  leaderboard(
    @Caller() caller: Identity,
    @Param('ensemble_id') id: string,
    @Query() { version }: ShowEnsembleQuery,
  ): Promise<LeaderboardBody> {
    return this.leaderboards.show(caller.tenant, id, version);
  }
}

const Routes = JobRoutes({
  kind: ENSEMBLE_FIT,
  noun: 'a fit of an ensemble',
  body: EnsembleFitJobBody,
  toBody: toEnsembleFitJobBody,
  cancels: 'scientist',
});

@ApiTags('Ensembles')
@Controller('api/v1/ensemble-fits')
export class EnsembleFitsController extends Routes {
  constructor(private readonly fits: EnsembleFitsService) {
    super();
  }

  @Post(':job_id/rerun')
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit the request of a fit again, with changes, for the newest version' })
  @ApiJobId(ENSEMBLE_FIT.prefix)
  @ApiRerun(SubmitEnsembleFitDto)
  @ApiAcceptedResponse({ type: RerunEnsembleFitBody })
  @ApiProblems(400, 403, 404, 409, 422)
  rerun(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Body() changes: object,
  ): Promise<RerunEnsembleFitBody> {
    return this.fits.rerun(caller, id, changes);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List fits of ensembles, newest first' })
  @ApiOkResponse({ type: EnsembleFitPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListEnsembleFitsQuery): Promise<EnsembleFitPage> {
    const { ensemble_id } = query;
    return this.jobs.list(caller.tenant, ENSEMBLE_FIT, query, toEnsembleFitJobBody, {
      model_id: ensemble_id,
    });
  }
}
