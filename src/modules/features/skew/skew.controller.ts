import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../../platform/idempotency/idempotent.decorator.js';
import { JobRoutes } from '../../../platform/jobs/job-routes.js';
import { ListJobsQuery } from '../../../platform/jobs/jobs.dto.js';
import { SKEW, toSkewBody } from './skew-job.js';
import { SkewBody, SkewPage, SubmittedSkewBody } from './skew.dto.js';
import { SkewService } from './skew.service.js';
import { SubmitSkewDto } from './submit-skew.dto.js';

const Routes = JobRoutes({
  kind: SKEW,
  noun: 'a skew report',
  body: SkewBody,
  toBody: toSkewBody,
  cancels: 'scientist',
});

@ApiTags('Features')
@Controller('api/v1/features/skew')
export class SkewController extends Routes {
  constructor(private readonly reports: SkewService) {
    super();
  }

  @Post()
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Compare the features that predictions were served with what the sources say of then',
  })
  @ApiAcceptedResponse({ type: SubmittedSkewBody })
  @ApiProblems(400, 404, 409, 422)
  submit(@Caller() caller: Identity, @Body() dto: SubmitSkewDto): Promise<SubmittedSkewBody> {
    return this.reports.submit(caller, dto);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List skew reports, newest first' })
  @ApiOkResponse({ type: SkewPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListJobsQuery): Promise<SkewPage> {
    return this.jobs.list(caller.tenant, SKEW, query, toSkewBody);
  }
}
