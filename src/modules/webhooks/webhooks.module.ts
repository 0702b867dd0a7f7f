import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Attempts } from './deliveries/attempts.js';
import { DeliveriesController } from './deliveries/deliveries.controller.js';
import { DeliveriesRepository } from './deliveries/deliveries.repository.js';
import { DeliveriesService } from './deliveries/deliveries.service.js';
import { Deliverer } from './deliveries/deliverer.js';
import { DeliverySweeper } from './deliveries/delivery-sweeper.js';
import { FanOut } from './deliveries/fan-out.js';
import { Outcomes } from './deliveries/outcomes.js';
import { WebhookDelivery } from './deliveries/webhook-delivery.entity.js';
import { ReceiverAddresses } from './receivers/receiver-addresses.js';
import { ReceiverCheck } from './receivers/receiver-check.js';
import { Receivers } from './receivers/receivers.js';
import { Webhook } from './webhook.entity.js';
import { WebhookSecrets } from './webhook-secrets.js';
import { WebhookTestsService } from './webhook-tests.service.js';
import { WebhooksController } from './webhooks.controller.js';
import { WebhooksRepository } from './webhooks.repository.js';
import { WebhooksService } from './webhooks.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([Webhook, WebhookDelivery])],
  controllers: [WebhooksController, DeliveriesController],
  providers: [
    Attempts,
    DeliveriesRepository,
    DeliveriesService,
    Deliverer,
    DeliverySweeper,
    FanOut,
    Outcomes,
    ReceiverAddresses,
    ReceiverCheck,
    Receivers,
    WebhookSecrets,
    WebhookTestsService,
    WebhooksRepository,
    WebhooksService,
  ],
})
export class WebhooksModule {}
