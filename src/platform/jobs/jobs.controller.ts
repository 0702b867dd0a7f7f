import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../auth/access.decorator.js';
import type { Identity } from '../auth/identity.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { JobOverview } from './job-overview.js';
import { JobPage, ListAllJobsQuery } from './jobs.dto.js';

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
}
