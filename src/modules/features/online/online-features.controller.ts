import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { DirectRoutes } from '../../../platform/http/direct-routes.js';
import { Cost } from '../../../platform/rate-limit/rate-limit.guard.js';
import { OnlineFeaturesBody, OnlineFeaturesDto } from './online-features.dto.js';
import { OnlineFeaturesService } from './online-features.service.js';
import { costOfRows } from './online-request.js';

@ApiTags('Features')
@Controller('api/v1/features/online')
export class OnlineFeaturesController {
  constructor(
    private readonly features: OnlineFeaturesService,
    direct: DirectRoutes,
  ) {
    direct.add(this, 'read');
  }

  @Post()
  @Access('predictor')
  @RouteConfig({ holdsRows: true })
  @Cost(costOfRows)
  @HttpCode(200)
  @ApiOperation({ summary: 'Read the newest features of up to 1,000 entities' })
  @ApiBody({ type: OnlineFeaturesDto })
  @ApiOkResponse({ type: OnlineFeaturesBody })
  @ApiProblems(400, 413, 422, 503)
  read(
    @Caller() caller: Identity,
    @Req() _request: FastifyRequest,
    @Body() body: object,
  ): Promise<OnlineFeaturesBody> {
    return this.features.answer(caller.tenant, body);
  }
}
