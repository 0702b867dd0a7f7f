import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiJobId } from '../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../platform/idempotency/idempotent.decorator.js';
import { ApiRerun } from '../../platform/jobs/job-reruns.http.js';
import { JobRoutes } from '../../platform/jobs/job-routes.js';
import { AddTrialsDto, SubmitTuningDto } from './submit-tuning.dto.js';
import { ListTrialsQuery, TrialPage, TrialsParquetBody } from './trials/trials.dto.js';
import { toTuningBody, TUNING } from './tuning-job.js';
import {
  ListTuningQuery,
  RerunTuningBody,
  SubmittedTuningBody,
  TuningBody,
  TuningPage,
} from './tuning.dto.js';
import { TuningService } from './tuning.service.js';

const Routes = JobRoutes({
  kind: TUNING,
  noun: 'a study',
  body: TuningBody,
  toBody: toTuningBody,
  cancels: 'scientist',
});

@ApiTags('Tuning')
@Controller('api/v1/tuning')
export class TuningController extends Routes {
  constructor(private readonly tuning: TuningService) {
    super();
  }

  @Post()
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Search hyperparameters of a model' })
  @ApiAcceptedResponse({ type: SubmittedTuningBody })
  @ApiProblems(400, 403, 404, 409, 422, 503)
  submit(@Caller() caller: Identity, @Body() dto: SubmitTuningDto): Promise<SubmittedTuningBody> {
    return this.tuning.submit(caller, dto);
  }

  @Post(':job_id/rerun')
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit the request of a study again, with changes' })
  @ApiJobId(TUNING.prefix)
  @ApiRerun(SubmitTuningDto)
  @ApiAcceptedResponse({ type: RerunTuningBody })
  @ApiProblems(400, 403, 404, 409, 422, 503)
  rerun(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Body() changes: object,
  ): Promise<RerunTuningBody> {
    return this.tuning.rerun(caller, id, changes);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List studies, newest first' })
  @ApiOkResponse({ type: TuningPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListTuningQuery): Promise<TuningPage> {
    const { model_name } = query;
    return this.jobs.list(caller.tenant, TUNING, query, toTuningBody, { model_name });
  }

  @Get(':job_id/trials')
  @Access('viewer')
  @ApiOperation({ summary: 'List the trials of a study by number, or say where all of them lie as Parquet' })
  @ApiJobId(TUNING.prefix)
  @ApiExtraModels(TrialPage, TrialsParquetBody)
  @ApiOkResponse({
    schema: { oneOf: [{ $ref: getSchemaPath(TrialPage) }, { $ref: getSchemaPath(TrialsParquetBody) }] },
  })
  @ApiProblems(400, 404, 409)
  trials(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Query() query: ListTrialsQuery,
  ): Promise<TrialPage | TrialsParquetBody> {
    return this.tuning.listTrials(caller.tenant, id, query);
  }

  @Post(':job_id/trials')
  @Access('scientist')
  @Idempotent()
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a study that has not ended more trials' })
  @ApiJobId(TUNING.prefix)
  @ApiOkResponse({ type: TuningBody })
  @ApiProblems(400, 404, 409, 422)
  addTrials(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Body() dto: AddTrialsDto,
  ): Promise<TuningBody> {
    return this.tuning.addTrials(caller, id, dto);
  }
}
