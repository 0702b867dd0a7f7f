import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { DirectRoutes } from '../../../platform/http/direct-routes.js';
import { Cost } from '../../../platform/rate-limit/rate-limit.guard.js';
import { costOfRows } from './online-request.js';
import { PushBody, PushDto } from './pushes.dto.js';
import { PushesService } from './pushes.service.js';

@ApiTags('Features')
@Controller('api/v1/features/push')
export class PushesController {
  constructor(
    private readonly pushes: PushesService,
    direct: DirectRoutes,
  ) {
    direct.add(this, 'push');
  }

  @Post()
  @Access('scientist')
  @RouteConfig({ holdsRows: true })
  @Cost(costOfRows)
  @HttpCode(200)
  @ApiOperation({ summary: 'Write up to 1,000 rows of a view, online and offline' })
  @ApiBody({ type: PushDto })
  @ApiOkResponse({ type: PushBody })
  @ApiProblems(400, 413, 422, 503)
  push(@Caller() caller: Identity, @Req() _request: FastifyRequest, @Body() body: object): Promise<PushBody> {
    return this.pushes.push(caller.tenant, body);
  }
}
