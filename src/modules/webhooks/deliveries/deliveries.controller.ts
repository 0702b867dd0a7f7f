import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, Caller } from '../../../platform/auth/access.decorator.js';
import type { Identity } from '../../../platform/auth/identity.js';
import { ApiProblems } from '../../../platform/http/api-problems.decorator.js';
import { ApiWebhookId } from '../webhook-id.decorator.js';
import { DeliveryBody, DeliveryPage, ListDeliveriesQuery, ResentBody } from './deliveries.dto.js';
import { DeliveriesService } from './deliveries.service.js';

@ApiTags('Webhooks')
@Access('admin')
@Controller('api/v1/webhooks/:webhook_id/deliveries')
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  @Get()
  @ApiOperation({ summary: 'List the deliveries of a webhook, newest first' })
  @ApiWebhookId()
  @ApiOkResponse({ type: DeliveryPage })
  @ApiProblems(400, 404)
  list(
    @Caller() caller: Identity,
    @Param('webhook_id') id: string,
    @Query() query: ListDeliveriesQuery,
  ): Promise<DeliveryPage> {
    return this.deliveries.list(caller.tenant, id, query);
  }

  @Post('resend')
  @HttpCode(202)
  @ApiOperation({ summary: 'Send all dead deliveries of a webhook again' })
  @ApiWebhookId()
  @ApiAcceptedResponse({ type: ResentBody })
  @ApiProblems(404, 422)
  sendDeadAgain(@Caller() caller: Identity, @Param('webhook_id') id: string): Promise<ResentBody> {
    return this.deliveries.sendDeadAgain(caller.tenant, id);
  }

  @Post(':delivery_id/resend')
  @HttpCode(202)
  @ApiOperation({ summary: 'Send a delivery again, with the same webhook-id' })
  @ApiWebhookId()
  @ApiParam({
    name: 'delivery_id',
    description: 'Id of the delivery.',
    example: '019c1a7c-0b3e-7c41-9d2e-6a1f2b3c4d5e',
  })
  @ApiAcceptedResponse({ type: DeliveryBody })
  @ApiProblems(404, 422)
  sendAgain(
    @Caller() caller: Identity,
    @Param('webhook_id') id: string,
    @Param('delivery_id') delivery: string,
  ): Promise<DeliveryBody> {
    return this.deliveries.sendAgain(caller.tenant, id, delivery);
  }
}
