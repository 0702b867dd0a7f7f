import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiJobId } from '../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../platform/idempotency/idempotent.decorator.js';
import { ApiRerun } from '../../platform/jobs/job-reruns.http.js';
import { JobRoutes } from '../../platform/jobs/job-routes.js';
import { toTrainingBody, TRAINING } from './training-job.js';
import { SubmitTrainingDto } from './submit-training.dto.js';
import {
  ListTrainingQuery,
  RerunTrainingBody,
  SubmittedTrainingBody,
  TrainingBody,
  TrainingPage,
} from './training.dto.js';
import { TrainingService } from './training.service.js';
import { TrainingValidationBody } from './validation.dto.js';
import { ValidationService } from './validation.service.js';

const Routes = JobRoutes({
  kind: TRAINING,
  noun: 'a training job',
  body: TrainingBody,
  toBody: toTrainingBody,
  cancels: 'scientist',
});

@ApiTags('Training')
@Controller('api/v1/training')
export class TrainingController extends Routes {
  constructor(
    private readonly training: TrainingService,
    private readonly validation: ValidationService,
  ) {
    super();
  }

  @Post()
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit a training job' })
  @ApiAcceptedResponse({ type: SubmittedTrainingBody })
  @ApiProblems(400, 403, 404, 409, 422, 503)
  submit(@Caller() caller: Identity, @Body() dto: SubmitTrainingDto): Promise<SubmittedTrainingBody> {
    return this.training.submit(caller, dto);
  }

  @Post(':job_id/rerun')
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit the request of a training job again, with changes' })
  @ApiJobId(TRAINING.prefix)
  @ApiRerun(SubmitTrainingDto)
  @ApiAcceptedResponse({ type: RerunTrainingBody })
  @ApiProblems(400, 403, 404, 409, 422, 503)
  rerun(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Body() changes: object,
  ): Promise<RerunTrainingBody> {
    return this.training.rerun(caller, id, changes);
  }

  @Post('validate')
  @Access('scientist')
  @HttpCode(200)
  @ApiOperation({ summary: 'See what a training job would meet in its data, without training' })
  @ApiOkResponse({ type: TrainingValidationBody })
  @ApiProblems(400, 404, 422, 503)
  validate(
    @Caller() caller: Identity,
    @Req() request: FastifyRequest,
    @Body() dto: SubmitTrainingDto,
  ): Promise<TrainingValidationBody> {
    return this.validation.validate(caller, dto, request.raw.socket);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List training jobs, newest first' })
  @ApiOkResponse({ type: TrainingPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListTrainingQuery): Promise<TrainingPage> {
    const { model_name } = query;
    return this.jobs.list(caller.tenant, TRAINING, query, toTrainingBody, { model_name });
  }
}
