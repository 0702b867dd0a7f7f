import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiJobId } from '../../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../../platform/idempotency/idempotent.decorator.js';
import { ApiRerun } from '../../../platform/jobs/job-reruns.http.js';
import { JobRoutes } from '../../../platform/jobs/job-routes.js';
import { ListJobsQuery } from '../../../platform/jobs/jobs.dto.js';
import { BATCH, toBatchBody } from './batch-job.js';
import { BatchBody, BatchPage, RerunBatchBody, SubmittedBatchBody } from './batch.dto.js';
import { BatchService } from './batch.service.js';
import { SubmitBatchDto } from './submit-batch.dto.js';

const Routes = JobRoutes({
  kind: BATCH,
  noun: 'a batch',
  body: BatchBody,
  toBody: toBatchBody,
  cancels: 'predictor',
});

@ApiTags('Predictions')
@Controller('api/v1/predictions/batch')
export class BatchController extends Routes {
  constructor(private readonly batches: BatchService) {
    super();
  }

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

  @Post(':job_id/rerun')
  @Access('predictor')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Submit the request of a batch again, with changes' })
  @ApiJobId(BATCH.prefix)
  @ApiRerun(SubmitBatchDto)
  @ApiAcceptedResponse({ type: RerunBatchBody })
  @ApiProblems(400, 403, 404, 409, 422)
  rerun(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Body() changes: object,
  ): Promise<RerunBatchBody> {
    return this.batches.rerun(caller, id, changes);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List batches, newest first' })
  @ApiOkResponse({ type: BatchPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListJobsQuery): Promise<BatchPage> {
    return this.jobs.list(caller.tenant, BATCH, query, toBatchBody);
  }
}
