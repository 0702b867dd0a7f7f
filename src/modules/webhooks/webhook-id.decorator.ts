import { ApiParam } from '@nestjs/swagger';

export const ApiWebhookId = (): MethodDecorator =>
  ApiParam({
    name: 'webhook_id',
    description: 'Id of the webhook.',
    example: '019c1a7c-0b3e-7c41-9d2e-5a1f2b3c4d5e',
  });
