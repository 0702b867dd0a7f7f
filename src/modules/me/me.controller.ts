import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { MeBody } from './me.dto.js';
import { MeService } from './me.service.js';

@ApiTags('Caller')
@Controller('api/v1/me')
export class MeController {
  constructor(private readonly me: MeService) {}

  @Get()
  @Access('any')
  @ApiOperation({ summary: 'Get who is calling, what the tenant is limited to, and what is left of it' })
  @ApiOkResponse({ type: MeBody })
  @ApiProblems()
  get(@Caller() caller: Identity): Promise<MeBody> {
    return this.me.describe(caller);
  }
}
