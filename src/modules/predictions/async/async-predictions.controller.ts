import { Body, Controller, Delete, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiAcceptedResponse, ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiJobId } from '../../../platform/http/api-params.decorator.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { Idempotent } from '../../../platform/idempotency/idempotent.decorator.js';
import { Cost } from '../../../platform/rate-limit/rate-limit.guard.js';
import { costOf } from '../predict-request.js';
import { PredictDto, PredictionBody } from '../predictions.dto.js';
import { AsyncPredictionBody } from './async-predictions.dto.js';
import { AsyncPredictionsService } from './async-predictions.service.js';

@ApiTags('Predictions')
@Controller('api/v1/predictions/async')
export class AsyncPredictionsController {
  constructor(private readonly predictions: AsyncPredictionsService) {}

  @Post()
  @Access('predictor')
  @RouteConfig({ holdsRows: true })
  @Cost(costOf)
  @Idempotent()
  @HttpCode(202)
  @ApiOperation({ summary: 'Score one row or up to 1,000 later; the request is checked at once' })
  @ApiBody({ type: PredictDto })
  @ApiAcceptedResponse({ type: AsyncPredictionBody })
  @ApiProblems(400, 404, 409, 413, 422)
  submit(
    @Caller() caller: Identity,
    @Req() request: FastifyRequest,
    @Body() body: object,
  ): Promise<AsyncPredictionBody> {
    return this.predictions.submit(caller, request.id, body);
  }

  @Get(':job_id')
  @Access('predictor')
  @ApiOperation({ summary: 'Get an asynchronous prediction: 202 until it is there, then the prediction' })
  @ApiJobId('pred')
  @ApiOkResponse({ type: PredictionBody, description: 'The prediction.' })
  @ApiAcceptedResponse({ type: AsyncPredictionBody, description: 'It is not there yet.' })
  @ApiProblems(400, 404, 409, 422)
  async get(
    @Caller() caller: Identity,
    @Param('job_id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const { isThere, json } = await this.predictions.get(caller.tenant, id);
    if (!isThere) reply.status(202).header('Retry-After', '1');
    reply.type('application/json; charset=utf-8');
    return json;
  }

  @Delete(':job_id')
  @Access('predictor')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel an asynchronous prediction that is not there yet' })
  @ApiJobId('pred')
  @ApiOkResponse({ type: AsyncPredictionBody })
  @ApiProblems(404, 409)
  cancel(@Caller() caller: Identity, @Param('job_id') id: string): Promise<AsyncPredictionBody> {
    return this.predictions.cancel(caller.tenant, id);
  }
}
