import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiJobId } from '../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { PageQuery } from '../../platform/http/page.js';
import { Idempotent } from '../../platform/idempotency/idempotent.decorator.js';
import { ApiJobEvents, sendEvents } from '../../platform/jobs/job-events.http.js';
import { LogPage } from '../../platform/jobs/jobs.dto.js';
import { SubmitTrainingDto } from './submit-training.dto.js';
import { ListTrainingQuery, SubmittedTrainingBody, TrainingBody, TrainingPage } from './training.dto.js';
import { TrainingService } from './training.service.js';
import { TrainingValidationBody } from './validation.dto.js';
import { ValidationService } from './validation.service.js';

@ApiTags('Training')
@Controller('api/v1/training')
export class TrainingController {
  constructor(
    private readonly training: TrainingService,
    private readonly validation: ValidationService,
  ) {}

  @Post()
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit a training job' })
  @ApiAcceptedResponse({ type: SubmittedTrainingBody })
  @ApiProblems(400, 403, 409, 422, 503)
  submit(@Caller() caller: Identity, @Body() dto: SubmitTrainingDto): Promise<SubmittedTrainingBody> {
    return this.training.submit(caller, dto);
  }

  @Post('validate')
  @Access('scientist')
  @HttpCode(200)
  @ApiOperation({ summary: 'See what a training job would meet in its data, without training' })
  @ApiOkResponse({ type: TrainingValidationBody })
  @ApiProblems(400, 422)
  validate(@Caller() caller: Identity, @Body() dto: SubmitTrainingDto): Promise<TrainingValidationBody> {
    return this.validation.validate(caller, dto);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List training jobs, newest first' })
  @ApiOkResponse({ type: TrainingPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListTrainingQuery): Promise<TrainingPage> {
    return this.training.list(caller.tenant, query);
  }

  @Get(':job_id')
  @Access('viewer')
  @ApiOperation({ summary: 'Get state, progress, metrics and resources of a training job' })
  @ApiJobId('train')
  @ApiOkResponse({ type: TrainingBody })
  @ApiProblems(404)
  get(@Caller() caller: Identity, @Param('job_id') id: string): Promise<TrainingBody> {
    return this.training.get(caller.tenant, id);
  }

  @Delete(':job_id')
  @Access('scientist')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel a training job; a running one ends within a few seconds' })
  @ApiJobId('train')
  @ApiOkResponse({ type: TrainingBody })
  @ApiProblems(404, 409)
  cancel(@Caller() caller: Identity, @Param('job_id') id: string): Promise<TrainingBody> {
    return this.training.cancel(caller.tenant, id);
  }

  @Get(':job_id/logs')
  @Access('viewer')
  @ApiOperation({ summary: 'Read the log of a training job, oldest line first' })
  @ApiJobId('train')
  @ApiOkResponse({ type: LogPage })
  @ApiProblems(400, 404)
  logs(@Caller() caller: Identity, @Param('job_id') id: string, @Query() query: PageQuery): Promise<LogPage> {
    return this.training.logs(caller.tenant, id, query);
  }

  @Get(':job_id/events')
  @Access('viewer')
  @ApiOperation({ summary: 'Follow the events of a training job as they happen, from its first to its last' })
  @ApiJobId('train')
  @ApiJobEvents()
  @ApiProblems(400, 404)
  async events(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendEvents(reply, await this.training.events(caller, id, lastEventId));
  }
}
