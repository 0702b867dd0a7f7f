import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/index.js';
import { Database, type TenantScope } from '../../../platform/database/database.js';
import { DatabaseUnavailable } from '../../../platform/database/database-unavailable.js';
import { newId } from '../../../platform/http/identifiers.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import { typesOf } from '../../../platform/outbox/event-types.js';
import type { OutboxEvent } from '../../../platform/outbox/outbox.entity.js';
import { OutboxReader } from '../../../platform/outbox/outbox-reader.js';
import type { TaskLease } from '../../../platform/tasks/task-lease.js';
import type { Webhook } from '../webhook.entity.js';
import { WebhooksRepository } from '../webhooks.repository.js';
import { DeliveriesRepository, type NewDelivery } from './deliveries.repository.js';

/** Of one tenant, before it is the next one's turn. */
const EVENTS_AT_ONCE = 500;

/**
 * Makes deliveries of events: one for each webhook that wants the event, in the transaction that notes how far the
 * webhook has come. So each event becomes one delivery, whatever is killed at whatever moment.
 */
@Injectable()
export class FanOut {
  private readonly missed;

  constructor(
    private readonly config: WebhooksConfig,
    private readonly database: Database,
    private readonly events: OutboxReader,
    private readonly webhooks: WebhooksRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    this.missed = metrics.counter(
      'modelplane_webhook_events_missed_total',
      'Events that were deleted before they could become deliveries of a webhook.',
    );
  }

  /** Takes up to a page of events of each tenant that has new ones. A tenant whose turn fails keeps no other from theirs. */
  async run(lease?: TaskLease): Promise<void> {
    const positions = await this.webhooks.positions();
    const last = await this.events.lastOf(positions.map(({ tenant }) => tenant));
    for (const { tenant, position } of positions) {
      const newest = last.get(tenant) ?? 0;
      if (newest <= Number(position)) continue;
      lease?.refuseLost();
      await this.database
        .asTenant(tenant, (scope) => this.take(scope, newest))
        .catch((error: unknown) => {
          if (error instanceof DatabaseUnavailable) throw error;
          this.logger.failure('events wait for their webhooks', error, { tenant_id: tenant });
        });
    }
  }

  private async take(scope: TenantScope, newest: number): Promise<void> {
    const webhooks = await this.lockWithRoom(scope, newest);
    if (webhooks.length === 0) return;
    const from = Math.min(...webhooks.map(({ position }) => Number(position)));
    const events = await this.events.after(scope, from, EVENTS_AT_ONCE);
    // Where none is left, all of them were deleted.
    const reached = events.length ? Number(events.at(-1)!.sequence) : newest;
    for (const webhook of webhooks) {
      const position = Number(webhook.position);
      if (position >= reached) continue;
      const fresh = events.filter(({ sequence }) => Number(sequence) > position);
      this.tellOfMissed(webhook, Number(fresh[0]?.sequence ?? newest + 1) - position - 1);
      const wanted = deliveriesOf(webhook, fresh);
      if (wanted.length > 0) await this.deliveries.insert(scope, wanted);
      await this.webhooks.update(scope, webhook.id, { position: String(reached) });
    }
  }

  /** Those that do not have as much waiting as may wait. */
  private async lockWithRoom(scope: TenantScope, newest: number): Promise<Webhook[]> {
    const webhooks = await this.webhooks.lockBehind(scope, newest);
    const ids = webhooks.map(({ id }) => id);
    const pending = await this.deliveries.countPending(scope, ids);
    return webhooks.filter(({ id }) => (pending.get(id) ?? 0) < this.config.maxPending);
  }

  private tellOfMissed({ tenantId, id }: Webhook, events: number): void {
    if (events === 0) return;
    this.missed.inc(events);
    const what = { tenant_id: tenantId, webhook_id: id, events };
    this.logger.warn('events were deleted before they became deliveries of a webhook', what);
  }
}

function deliveriesOf({ id: webhookId, events: filters }: Webhook, events: OutboxEvent[]): NewDelivery[] {
  const types = new Set<string>(filters.flatMap(typesOf));
  const isWanted = ({ type }: OutboxEvent) => filters.includes('*') || types.has(type);
  return events.filter(isWanted).map(({ id: eventId, sequence, type, data, createdAt }) => ({
    id: newId(),
    webhookId,
    eventId,
    sequence,
    type,
    body: JSON.stringify({ type, timestamp: createdAt.toISOString(), data }),
  }));
}
