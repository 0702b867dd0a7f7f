import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../../platform/idempotency/idempotent.decorator.js';
import { JobRoutes } from '../../../platform/jobs/job-routes.js';
import { ListJobsQuery } from '../../../platform/jobs/jobs.dto.js';
import { HISTORICAL, toHistoricalBody } from './historical-job.js';
import { HistoricalBody, HistoricalPage, SubmittedHistoricalBody } from './historical.dto.js';
import { HistoricalService } from './historical.service.js';
import { SubmitHistoricalDto } from './submit-historical.dto.js';

const Routes = JobRoutes({
  kind: HISTORICAL,
  noun: 'a historical set',
  body: HistoricalBody,
  toBody: toHistoricalBody,
  cancels: 'scientist',
});

@ApiTags('Features')
@Controller('api/v1/features/historical')
export class HistoricalController extends Routes {
  constructor(private readonly sets: HistoricalService) {
    super();
  }

  @Post()
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Join features to rows as of the time of each row, as a training set' })
  @ApiAcceptedResponse({ type: SubmittedHistoricalBody })
  @ApiProblems(400, 403, 409, 422)
  submit(@Caller() caller: Identity, @Body() dto: SubmitHistoricalDto): Promise<SubmittedHistoricalBody> {
    return this.sets.submit(caller, dto);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List historical sets, newest first' })
  @ApiOkResponse({ type: HistoricalPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListJobsQuery): Promise<HistoricalPage> {
    return this.jobs.list(caller.tenant, HISTORICAL, query, toHistoricalBody);
  }
}
