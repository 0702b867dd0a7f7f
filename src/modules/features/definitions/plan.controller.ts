import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiBody,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { PutEntityDto, PutServiceDto, PutViewDto } from './definitions.dto.js';
import { PlanBody } from './plan.dto.js';
import { PlanService } from './plan.service.js';

const byName = (type: new () => object) => ({
  type: 'object' as const,
  additionalProperties: { $ref: getSchemaPath(type) },
});

@ApiTags('Features')
@Controller('api/v1/features/plan')
export class PlanController {
  constructor(private readonly plans: PlanService) {}

  @Post()
  @Access('viewer')
  @HttpCode(200)
  @ApiOperation({ summary: 'See what definitions would change and break; nothing is changed' })
  @ApiExtraModels(PutEntityDto, PutViewDto, PutServiceDto)
  @ApiBody({
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        entities: byName(PutEntityDto),
        views: byName(PutViewDto),
        services: byName(PutServiceDto),
      },
    },
  })
  @ApiOkResponse({ type: PlanBody })
  @ApiProblems(400)
  plan(@Caller() { tenant }: Identity, @Body() body: object): Promise<PlanBody> {
    return this.plans.plan(tenant, body);
  }
}
