import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../auth/access.decorator.js';
import type { Identity } from '../auth/identity.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { UsageBody, UsageQuery } from './usage.dto.js';
import { UsageService } from './usage.service.js';

@ApiTags('Caller')
@Controller('api/v1/usage')
export class UsageController {
  constructor(private readonly usage: UsageService) {}

  @Get()
  @Access('any')
  @ApiOperation({ summary: 'Get what the tenant used by the day: requests, rows, job seconds and bytes' })
  @ApiOkResponse({ type: UsageBody })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: UsageQuery): Promise<UsageBody> {
    return this.usage.list(caller.tenant, query);
  }
}
