import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../auth/access.decorator.js';
import type { Identity } from '../auth/identity.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { JobOverview } from './job-overview.js';
import { JobPage, ListAllJobsQuery, ListedJobBody } from './jobs.dto.js';

@ApiTags('Jobs')
@Controller('api/v1/jobs')
export class JobsController {
  constructor(private readonly overview: JobOverview) {}

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List jobs of all kinds, newest first' })
  @ApiOkResponse({ type: JobPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListAllJobsQuery): Promise<JobPage> {
    return this.overview.list(caller.tenant, query);
  }

  @Get(':job_id')
  @Access('scientist')
  @ApiOperation({ summary: 'Get what a job of any kind was asked and how it stands' })
  @ApiParam({
    name: 'job_id',
    description: 'Id of the job.',
    example: 'check-019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  })
  @ApiOkResponse({ type: ListedJobBody })
  @ApiProblems(404)
  get(@Caller() caller: Identity, @Param('job_id') id: string): Promise<ListedJobBody> {
    return this.overview.get(caller.tenant, id);
  }
}
