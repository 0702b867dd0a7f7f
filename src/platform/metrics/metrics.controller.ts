import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { TelemetryConfig } from '../../config/index.js';
import { Access } from '../auth/access.decorator.js';
import { Problem } from '../errors/problem.js';
import { Metrics } from '../observability/metrics.js';

@ApiTags('Health')
@Access('public')
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: Metrics,
    private readonly config: TelemetryConfig,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Read the metrics of this process for Prometheus', security: [] })
  @ApiOkResponse({
    description: 'Text exposition format of Prometheus.',
    content: { 'text/plain': { schema: { type: 'string' } } },
  })
  async read(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    if (!this.config.metrics) throw new Problem('NOT_FOUND', 'Metrics are switched off.');
    const text = await this.metrics.text();
    reply.type(this.metrics.contentType);
    return text;
  }
}
