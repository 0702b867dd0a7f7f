import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { DirectRoutes } from '../../platform/http/direct-routes.js';
import { Cost } from '../../platform/rate-limit/rate-limit.guard.js';
import { PredictDto, PredictionBody } from './predictions.dto.js';
import { costOf } from './predict-request.js';
import { PredictionsService } from './predictions.service.js';

@ApiTags('Predictions')
@Controller('api/v1/predictions')
export class PredictionsController {
  constructor(
    private readonly predictions: PredictionsService,
    direct: DirectRoutes,
  ) {
    direct.add(this, 'predict');
  }

  @Post()
  @Access('predictor')
  @RouteConfig({ holdsRows: true })
  @Cost(costOf)
  @HttpCode(200)
  @ApiOperation({ summary: 'Score one row or up to 1,000' })
  @ApiBody({ type: PredictDto })
  @ApiOkResponse({ type: PredictionBody })
  @ApiProblems(400, 404, 409, 413, 422, 503)
  predict(
    @Caller() caller: Identity,
    @Req() request: FastifyRequest,
    @Body() body: object,
  ): PredictionBody | Promise<PredictionBody> {
    return this.predictions.predict(caller.tenant, request.id, body, request.raw.socket);
  }
}
