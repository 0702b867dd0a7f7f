import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiModelId } from '../../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { ListPredictionsQuery } from '../prediction-log.dto.js';
import { PredictionCountPage } from './prediction-counts.dto.js';
import { PredictionCountsService } from './prediction-counts.service.js';

@ApiTags('Prediction log')
@Controller('api/v1/models/:model_id/prediction-counts')
export class PredictionCountsController {
  constructor(private readonly counts: PredictionCountsService) {}

  @Get()
  @Access('viewer')
  @ApiOperation({ summary: 'List how many predictions of a model were answered and refused, by the minute' })
  @ApiModelId()
  @ApiOkResponse({ type: PredictionCountPage })
  @ApiProblems(400, 404)
  list(
    @Caller() caller: Identity,
    @Param('model_id') id: string,
    @Query() query: ListPredictionsQuery,
  ): Promise<PredictionCountPage> {
    return this.counts.list(caller.tenant, id, query);
  }
}
