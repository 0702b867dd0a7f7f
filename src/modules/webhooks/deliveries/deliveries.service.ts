import { Injectable } from '@nestjs/common';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { Problem } from '../../../platform/errors/problem.js';
import { isUuid } from '../../../platform/http/identifiers.js';
import { decodeCursor, pageOf } from '../../../platform/http/page.js';
import { WebhooksService } from '../webhooks.service.js';
import type { DeliveryBody, DeliveryPage, ListDeliveriesQuery, ResentBody } from './deliveries.dto.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import type { WebhookDelivery } from './webhook-delivery.entity.js';

/** Deliveries as their tenant sees them. */
@Injectable()
export class DeliveriesService {
  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhooksService,
    private readonly deliveries: DeliveriesRepository,
  ) {}

  /** @throws Problem 404 */
  list(
    tenant: string,
    webhookId: string,
    { cursor, limit, state }: ListDeliveriesQuery,
  ): Promise<DeliveryPage> {
    const before = decodeCursor(tenant, cursor, isUuid);
    return this.database.asTenant(tenant, async (scope) => {
      await this.webhooks.find(scope, webhookId);
      const rows = await this.deliveries.list(scope, webhookId, { state, before, limit: limit + 1 });
      return pageOf(rows, limit, tenant, ({ id }) => id, toBody);
    });
  }

  /**
   * Has a delivery tried anew, whatever came of it before.
   * @throws Problem 404, 422 where the webhook is disabled
   */
  sendAgain(tenant: string, webhookId: string, id: string): Promise<DeliveryBody> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.refuseDisabled(scope, webhookId);
      const found = isUuid(id) && (await this.deliveries.sendAgain(scope, webhookId, { id }));
      if (!found) throw new Problem('NOT_FOUND', `There is no delivery ${id.slice(0, 80)}.`);
      return toBody((await this.deliveries.find(scope, webhookId, id))!);
    });
  }

  /**
   * Has all dead deliveries of a webhook tried anew.
   * @throws Problem 404, 422 where the webhook is disabled
   */
  sendDeadAgain(tenant: string, webhookId: string): Promise<ResentBody> {
    return this.database.asTenant(tenant, async (scope) => {
      await this.refuseDisabled(scope, webhookId);
      return { resent: await this.deliveries.sendAgain(scope, webhookId, { state: 'dead' }) };
    });
  }

  private async refuseDisabled(scope: TenantScope, webhookId: string): Promise<void> {
    const { enabled } = await this.webhooks.lock(scope, webhookId);
    if (enabled) return;
    throw new Problem('VALIDATION_ERROR', `The webhook ${webhookId} is disabled: enable it first.`);
  }
}

function toBody(delivery: WebhookDelivery): DeliveryBody {
  return {
    delivery_id: delivery.id,
    event_id: delivery.eventId,
    sequence: Number(delivery.sequence),
    type: delivery.type,
    state: delivery.state,
    attempts: delivery.attempts,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    last_attempt_at: delivery.lastAttemptAt?.toISOString() ?? null,
    next_attempt_at: delivery.state === 'pending' ? delivery.dueAt.toISOString() : null,
    created_at: delivery.createdAt.toISOString(),
  };
}
