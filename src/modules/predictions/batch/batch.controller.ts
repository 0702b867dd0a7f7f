import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiJobId } from '../../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { PageQuery } from '../../../platform/http/page.js';
import { Idempotent } from '../../../platform/idempotency/idempotent.decorator.js';
import { ApiJobEvents, sendEvents } from '../../../platform/jobs/job-events.http.js';
import { LogPage } from '../../../platform/jobs/jobs.dto.js';
import { BatchBody, BatchPage, ListBatchQuery, SubmittedBatchBody } from './batch.dto.js';
import { BatchService } from './batch.service.js';
import { SubmitBatchDto } from './submit-batch.dto.js';

@ApiTags('Predictions')
@Controller('api/v1/predictions/batch')
export class BatchController {
  constructor(private readonly batches: BatchService) {}

  @Post()
  @Access('predictor')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Score files of rows' })
  @ApiAcceptedResponse({ type: SubmittedBatchBody })
  @ApiProblems(400, 403, 404, 409, 422)
  submit(@Caller() caller: Identity, @Body() dto: SubmitBatchDto): Promise<SubmittedBatchBody> {
    return this.batches.submit(caller, dto);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List batches, newest first' })
  @ApiOkResponse({ type: BatchPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListBatchQuery): Promise<BatchPage> {
    return this.batches.list(caller.tenant, query);
  }

  @Get(':job_id')
  @Access('viewer')
  @ApiOperation({ summary: 'Get state, progress and result of a batch' })
  @ApiJobId('batch')
  @ApiOkResponse({ type: BatchBody })
  @ApiProblems(404)
  get(@Caller() caller: Identity, @Param('job_id') id: string): Promise<BatchBody> {
    return this.batches.get(caller.tenant, id);
  }

  @Delete(':job_id')
  @Access('predictor')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel a batch; a running one ends within a few seconds' })
  @ApiJobId('batch')
  @ApiOkResponse({ type: BatchBody })
  @ApiProblems(404, 409)
  cancel(@Caller() caller: Identity, @Param('job_id') id: string): Promise<BatchBody> {
    return this.batches.cancel(caller.tenant, id);
  }

  @Get(':job_id/logs')
  @Access('viewer')
  @ApiOperation({ summary: 'Read the log of a batch, oldest line first' })
  @ApiJobId('batch')
  @ApiOkResponse({ type: LogPage })
  @ApiProblems(400, 404)
  logs(@Caller() caller: Identity, @Param('job_id') id: string, @Query() query: PageQuery): Promise<LogPage> {
    return this.batches.logs(caller.tenant, id, query);
  }

  @Get(':job_id/events')
  @Access('viewer')
  @ApiOperation({ summary: 'Follow the events of a batch as they happen, from its first to its last' })
  @ApiJobId('batch')
  @ApiJobEvents()
  @ApiProblems(400, 404)
  async events(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    sendEvents(reply, await this.batches.events(caller, id, lastEventId));
  }
}
