import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../../platform/idempotency/idempotent.decorator.js';
import { JobRoutes } from '../../../platform/jobs/job-routes.js';
import { ListJobsQuery } from '../../../platform/jobs/jobs.dto.js';
import { MATERIALIZATION, toMaterializationBody } from './materialization-job.js';
import {
  MaterializationBody,
  MaterializationPage,
  SubmittedMaterializationBody,
} from './materialization.dto.js';
import { MaterializationService } from './materialization.service.js';
import { SubmitMaterializationDto } from './submit-materialization.dto.js';

const Routes = JobRoutes({
  kind: MATERIALIZATION,
  noun: 'a materialization',
  body: MaterializationBody,
  toBody: toMaterializationBody,
  cancels: 'scientist',
});

@ApiTags('Features')
@Controller('api/v1/features/materialize')
export class MaterializationController extends Routes {
  constructor(private readonly materializations: MaterializationService) {
    super();
  }

  @Post()
  @Access('scientist')
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Bring the online values of views up to date' })
  @ApiAcceptedResponse({ type: SubmittedMaterializationBody })
  @ApiProblems(400, 403, 409, 422)
  submit(
    @Caller() caller: Identity,
    @Body() dto: SubmitMaterializationDto,
  ): Promise<SubmittedMaterializationBody> {
    return this.materializations.submit(caller, dto);
  }

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List materializations, newest first' })
  @ApiOkResponse({ type: MaterializationPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: ListJobsQuery): Promise<MaterializationPage> {
    return this.jobs.list(caller.tenant, MATERIALIZATION, query, toMaterializationBody);
  }
}
