import { Controller, Delete, Get, HttpCode, Param, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { JobRoutes } from '../../../platform/jobs/job-routes.js';
import { ListJobsQuery } from '../../../platform/jobs/jobs.dto.js';
import { ERASURE, toErasureBody } from './erasure-job.js';
import { EraseQuery, ErasureBody, ErasurePage, SubmittedErasureBody } from './erasure.dto.js';
import { ErasuresService } from './erasures.service.js';

const Routes = JobRoutes({
  kind: ERASURE,
  noun: 'an erasure',
  body: ErasureBody,
  toBody: toErasureBody,
  cancels: 'admin',
});

@ApiTags('Features')
@Controller('api/v1/features/erasures')
export class ErasuresController extends Routes {
  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List erasures, newest first' })
  @ApiOkResponse({ type: ErasurePage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListJobsQuery): Promise<ErasurePage> {
    return this.jobs.list(caller.tenant, ERASURE, query, toErasureBody);
  }
}

@ApiTags('Features')
@Controller('api/v1/features/entities/:name/:key')
export class SubjectsController {
  constructor(private readonly erasures: ErasuresService) {}

  @Delete()
  @Access('admin')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Erase one of an entity: online, in files that the platform wrote, in the prediction log',
  })
  @ApiParam({ name: 'name', description: 'Name of the entity.', example: 'customer' })
  @ApiParam({
    name: 'key',
    description:
      'Its key, percent-encoded. Of an entity with several key columns their values in a row, each but the last behind its length in bytes and a colon: `5:hello42`.',
    example: 'cust-123',
  })
  @ApiAcceptedResponse({ type: SubmittedErasureBody })
  @ApiProblems(400, 404, 409)
  erase(
    @Caller() caller: Identity,
    @Param('name') name: string,
    @Param('key') key: string,
    @Query() query: EraseQuery,
  ): Promise<SubmittedErasureBody> {
    return this.erasures.submit(caller, name, key, query.id_column);
  }
}
