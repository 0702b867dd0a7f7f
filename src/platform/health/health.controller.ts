import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Access } from '../auth/access.decorator.js';
import { HealthBody, LiveBody } from './health.dto.js';
import { HealthService } from './health.service.js';

@ApiTags('Health')
@Access('public')
@Controller('healthcheck')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @Get()
  @ApiOperation({ summary: 'Whether the service can do its work; names what is down', security: [] })
  @ApiOkResponse({ type: HealthBody })
  @ApiServiceUnavailableResponse({ type: HealthBody })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthBody> {
    const body = await this.health.check();
    reply.status(body.status === 'unhealthy' ? 503 : 200);
    return body;
  }

  @Get('live')
  @ApiOperation({ summary: 'Whether the process answers', security: [] })
  @ApiOkResponse({ type: LiveBody })
  live(): LiveBody {
    return { status: 'alive' };
  }
}
