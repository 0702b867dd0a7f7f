import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  Headers,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
} from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { Access, Caller } from '../../platform/auth/access.decorator.js';
import type { Identity } from '../../platform/auth/identity.js';
import { ApiProblems } from '../../platform/http/api-problems.decorator.js';
import { TaggedChange, TaggedRead } from '../../platform/http/etag.interceptor.js';
import { PageQuery } from '../../platform/http/page.js';
import { Idempotent } from '../../platform/idempotency/idempotent.decorator.js';
import { ApiWebhookId } from './webhook-id.decorator.js';
import { WebhookTestsService } from './webhook-tests.service.js';
import {
  CreateWebhookDto,
  UpdateWebhookDto,
  WebhookBody,
  WebhookPage,
  WebhookTestBody,
  WebhookWithSecretBody,
} from './webhooks.dto.js';
import { WebhooksService } from './webhooks.service.js';

/** For admins alone: the URL of a receiver may be a secret by itself. */
@ApiTags('Webhooks')
@Access('admin')
@Controller('api/v1/webhooks')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly tests: WebhookTestsService,
  ) {}

  @Post()
  @Idempotent({ withheld: 'secret' })
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Have events sent to a URL; the signing secret is in this answer alone' })
  @ApiCreatedResponse({ type: WebhookWithSecretBody })
  @ApiProblems(400, 409, 422, 503)
  create(@Caller() caller: Identity, @Body() dto: CreateWebhookDto): Promise<WebhookWithSecretBody> {
    return this.webhooks.create(caller, dto);
  }

  @Get()
  @ApiOperation({ summary: 'List webhooks, newest first' })
  @ApiOkResponse({ type: WebhookPage })
  @ApiProblems(400)
  list(@Caller() caller: Identity, @Query() query: PageQuery): Promise<WebhookPage> {
    return this.webhooks.list(caller.tenant, query);
  }

  @Get(':webhook_id')
  @TaggedRead()
  @ApiOperation({ summary: 'Get a webhook, without its secret' })
  @ApiWebhookId()
  @ApiOkResponse({ type: WebhookBody })
  @ApiProblems(404)
  get(@Caller() caller: Identity, @Param('webhook_id') id: string): Promise<WebhookBody> {
    return this.webhooks.get(caller.tenant, id);
  }

  @Patch(':webhook_id')
  @TaggedChange()
  @ApiOperation({ summary: 'Change where a webhook sends events, or which, or whether' })
  @ApiWebhookId()
  @ApiOkResponse({ type: WebhookBody })
  @ApiProblems(400, 404, 412, 422, 428, 503)
  update(
    @Caller() caller: Identity,
    @Param('webhook_id') id: string,
    @Body() dto: UpdateWebhookDto,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<WebhookBody> {
    return this.webhooks.update(caller.tenant, id, dto, ifMatch);
  }

  @Delete(':webhook_id')
  @TaggedChange()
  @HttpCode(204)
  @ApiOperation({ summary: 'Delete a webhook and its deliveries' })
  @ApiWebhookId()
  @ApiNoContentResponse({ description: 'It is gone.' })
  @ApiProblems(404, 412, 428)
  remove(
    @Caller() caller: Identity,
    @Param('webhook_id') id: string,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    return this.webhooks.remove(caller.tenant, id, ifMatch);
  }

  @Post(':webhook_id/rotate-secret')
  @Idempotent({ withheld: 'secret' })
  @Header('Cache-Control', 'no-store')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a webhook another secret; for a while deliveries are signed with both' })
  @ApiWebhookId()
  @ApiOkResponse({ type: WebhookWithSecretBody })
  @ApiProblems(404, 409, 422)
  rotateSecret(@Caller() caller: Identity, @Param('webhook_id') id: string): Promise<WebhookWithSecretBody> {
    return this.webhooks.rotateSecret(caller.tenant, id);
  }

  @Post(':webhook_id/test')
  @HttpCode(200)
  @ApiOperation({ summary: 'Send a test event now, and say what came of it' })
  @ApiWebhookId()
  @ApiOkResponse({ type: WebhookTestBody })
  @ApiProblems(404, 503)
  test(@Caller() caller: Identity, @Param('webhook_id') id: string): Promise<WebhookTestBody> {
    return this.tests.test(caller.tenant, id);
  }
}
