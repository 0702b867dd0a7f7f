import { Body, Controller, HttpCode, Param, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { Cost } from '../../platform/rate-limit/rate-limit.guard.js';
import { costOf } from './predict-request.js';
import { PredictionBody, PredictWithEnsembleDto } from './predictions.dto.js';
import { PredictionsService } from './predictions.service.js';

@ApiTags('Ensembles')
@Controller('api/v1/ensembles')
export class EnsemblePredictionsController {
  constructor(private readonly predictions: PredictionsService) {}

  @Post(':ensemble_id/predict')
  @Access('predictor')
  @RouteConfig({ holdsRows: true })
  @Cost(costOf)
  @HttpCode(200)
  @ApiOperation({ summary: 'Score one row or up to 1,000 with an ensemble' })
  @ApiParam({
    name: 'ensemble_id',
    description: 'Id or name of the ensemble, or name@stage.',
    example: '550e8400-e29b-41d4-a716-446655440000',
  })
  @ApiBody({ type: PredictWithEnsembleDto })
  @ApiOkResponse({ type: PredictionBody })
  @ApiProblems(400, 404, 409, 413, 422, 503)
  predict(
    @Caller() caller: Identity,
    @Param('ensemble_id') id: string,
    @Req() request: FastifyRequest,
    @Body() body: object,
  ): Promise<PredictionBody> {
    return this.predictions.predictWithEnsemble(caller.tenant, request.id, id, body, request.raw.socket);
  }
}
