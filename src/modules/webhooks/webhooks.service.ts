import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../config/index.js';
import type { Identity } from '../../platform/auth/identity.js';
import { Database, type TenantScope } from '../../platform/database/database.js';
import { Problem } from '../../platform/errors/problem.js';
import { refuseChanged } from '../../platform/http/etag.js';
import { isUuid, newId } from '../../platform/http/identifiers.js';
import { decodeCursor, pageOf, type PageQuery } from '../../platform/http/page.js';
import { Outbox } from '../../platform/outbox/outbox.js';
import { OutboxReader } from '../../platform/outbox/outbox-reader.js';
import { DeliveriesRepository } from './deliveries/deliveries.repository.js';
import { ReceiverCheck } from './receivers/receiver-check.js';
import type { Webhook } from './webhook.entity.js';
import { WebhookSecrets } from './webhook-secrets.js';
import type {
  CreateWebhookDto,
  UpdateWebhookDto,
  WebhookBody,
  WebhookPage,
  WebhookWithSecretBody,
} from './webhooks.dto.js';
import { WebhooksRepository } from './webhooks.repository.js';

const HOUR_MS = 3_600_000;

/** Webhooks as their tenant has them. */
@Injectable()
export class WebhooksService {
  constructor(
    private readonly config: WebhooksConfig,
    private readonly database: Database,
    private readonly webhooks: WebhooksRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly receivers: ReceiverCheck,
    private readonly secrets: WebhookSecrets,
    private readonly outbox: Outbox,
    private readonly events: OutboxReader,
  ) {}

  /**
   * It is told of events from now on.
   * @throws Problem 422 for a receiver that may not be called, or past the tenant's limit; 503 while others are looked at
   */
  async create(
    caller: Identity,
    { url, events, description, enabled = true }: CreateWebhookDto,
  ): Promise<WebhookWithSecretBody> {
    await this.receivers.check(caller.tenant, url);
    const id = newId();
    const secret = this.secrets.make();
    return this.database.asTenant(caller.tenant, async (scope) => {
      await this.refusePastLimit(scope);
      await this.webhooks.insert(scope, {
        id,
        url,
        description,
        events,
        enabled,
        secret: this.secrets.seal(id, secret),
        position: String(await this.events.last(scope)),
        createdBy: caller.subject,
      });
      return { ...toBody(await this.find(scope, id)), secret };
    });
  }

  list(tenant: string, { cursor, limit }: PageQuery): Promise<WebhookPage> {
    const before = decodeCursor(tenant, cursor, isUuid);
    return this.database.asTenant(tenant, async (scope) => {
      const rows = await this.webhooks.list(scope, before, limit + 1);
      return pageOf(rows, limit, tenant, ({ id }) => id, toBody);
    });
  }

  get(tenant: string, id: string): Promise<WebhookBody> {
    return this.database.asTenant(tenant, async (scope) => toBody(await this.find(scope, id)));
  }

  /**
   * One that is disabled gives up what waits for it; one that is enabled again is told of events from now on.
   * @throws Problem 404, 412 where it is not in the state that `ifMatch` names, 422 as `create`
   */
  async update(tenant: string, id: string, change: UpdateWebhookDto, ifMatch?: string): Promise<WebhookBody> {
    await this.get(tenant, id);
    if (change.url !== undefined) await this.receivers.check(tenant, change.url);
    return this.database.asTenant(tenant, async (scope) => {
      const before = await this.lock(scope, id, ifMatch);
      const isMoved = change.url !== undefined && change.url !== before.url;
      const isEnabled = change.enabled === true && !before.enabled;
      await this.webhooks.update(scope, id, {
        ...change,
        ...((isMoved || isEnabled) && { failingSince: null, notBefore: null }),
        ...(isEnabled && { disabledReason: null, position: String(await this.events.last(scope)) }),
        updatedAt: new Date(),
      });
      if (change.enabled === false && before.enabled)
        await this.deliveries.abandon(scope, id, 'webhook_disabled');
      return toBody(await this.find(scope, id));
    });
  }

  /** @throws Problem 404, 412 as `update` */
  remove(tenant: string, id: string, ifMatch?: string): Promise<void> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.lock(scope, id, ifMatch);
      await this.webhooks.delete(scope, id);
    });
  }

  /** @throws Problem 404 */
  rotateSecret(tenant: string, id: string): Promise<WebhookWithSecretBody> {
    return this.database.asTenant(tenant, async (scope) => {
      const { secret: previousSecret } = await this.lock(scope, id);
      const secret = this.secrets.make();
      const overlapMs = this.config.secretOverlapHours * HOUR_MS;
      await this.webhooks.update(scope, id, {
        secret: this.secrets.seal(id, secret),
        previousSecret,
        previousUntil: new Date(Date.now() + overlapMs),
        updatedAt: new Date(),
      });
      return { ...toBody(await this.find(scope, id)), secret };
    });
  }

  /** Disables a webhook that cannot be delivered to, and tells of it. */
  async disable(scope: TenantScope, id: string, reason: 'gone' | 'failing'): Promise<void> {
    await this.webhooks.update(scope, id, {
      enabled: false,
      disabledReason: reason,
      updatedAt: new Date(),
    });
    await this.deliveries.abandon(scope, id, 'webhook_disabled');
    await this.outbox.add(scope, { type: 'webhook.disabled', data: { webhook_id: id, reason } });
  }

  /** @throws Problem 404 */
  async find(scope: TenantScope, id: string): Promise<Webhook> {
    return (isUuid(id) && (await this.webhooks.find(scope, id))) || notFound(id);
  }

  /**
   * Keeps a webhook as it is until the transaction ends.
   * @throws Problem 404, 412 where it is not in the state that `ifMatch` names
   */
  async lock(scope: TenantScope, id: string, ifMatch?: string): Promise<Webhook> {
    const webhook = (isUuid(id) && (await this.webhooks.lock(scope, id))) || notFound(id);
    refuseChanged(ifMatch, toBody(webhook));
    return webhook;
  }

  private async refusePastLimit(scope: TenantScope): Promise<void> {
    const { perTenant: most } = this.config;
    if ((await this.webhooks.countLocked(scope)) < most) return;
    throw new Problem(
      'VALIDATION_ERROR',
      `The tenant has ${most} webhooks, as many as it may; delete one first.`,
    );
  }
}

function notFound(id: string): never {
  throw new Problem('NOT_FOUND', `There is no webhook ${id.slice(0, 80)}.`);
}

function toBody(webhook: Webhook): WebhookBody {
  const { previousUntil } = webhook;
  const isOverlapping = previousUntil !== null && previousUntil.getTime() > Date.now();
  return {
    webhook_id: webhook.id,
    url: webhook.url,
    events: webhook.events,
    description: webhook.description,
    enabled: webhook.enabled,
    disabled_reason: webhook.disabledReason,
    failing_since: webhook.failingSince?.toISOString() ?? null,
    previous_secret_until: isOverlapping ? previousUntil.toISOString() : null,
    created_by: webhook.createdBy,
    created_at: webhook.createdAt.toISOString(),
    updated_at: webhook.updatedAt.toISOString(),
  };
}
