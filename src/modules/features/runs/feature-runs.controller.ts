import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { PageQuery } from '../../../platform/http/page.js';
import { FeatureRunPage, FeatureStatisticsBody } from './feature-runs.dto.js';
import { FeatureRunsService } from './feature-runs.service.js';

@ApiTags('Features')
@ApiExtraModels(FeatureStatisticsBody)
@Controller('api/v1/features/views/:name/statistics')
export class FeatureRunsController {
  constructor(private readonly runs: FeatureRunsService) {}

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'Read what materializations measured of a view, newest first' })
  @ApiParam({
    name: 'name',
    description: 'Name of the view, or name@v2 for one version of it.',
    example: 'customer_features',
  })
  @ApiOkResponse({ type: FeatureRunPage })
  @ApiProblems(400, 404)
  list(
    @Caller() caller: Identity,
    @Param('name') name: string,
    @Query() query: PageQuery,
  ): Promise<FeatureRunPage> {
    return this.runs.list(caller.tenant, name, query);
  }
}
