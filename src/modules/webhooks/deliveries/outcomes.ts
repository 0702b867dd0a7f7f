import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/index.js';
import type { TenantScope } from '../../../platform/database/database.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import { type Answer, isTaken } from '../receivers/receivers.js';
import type { Webhook } from '../webhook.entity.js';
import { WebhooksRepository } from '../webhooks.repository.js';
import { WebhooksService } from '../webhooks.service.js';
import { type AttemptResult, DeliveriesRepository } from './deliveries.repository.js';
import { secondsToRetry } from './retries.js';
import type { WebhookDelivery } from './webhook-delivery.entity.js';

const OUTCOMES = ['delivered', 'retried', 'dead'] as const;

const DAY_MS = 86_400_000;
const GONE = 410;

/** Keeps how attempts went, and what follows for the delivery and its webhook. */
@Injectable()
export class Outcomes {
  private readonly counts;

  constructor(
    private readonly config: WebhooksConfig,
    private readonly webhooks: WebhooksRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly service: WebhooksService,
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    this.counts = metrics.counter('modelplane_webhook_attempts_total', 'Attempts to deliver an event.', {
      name: 'outcome',
      values: OUTCOMES,
    });
  }

  /**
   * Notes an attempt, unless the delivery was sent again, given up or deleted meanwhile.
   * @param error what kept the service from an attempt, or an attempt from an answer
   */
  async keep(
    scope: TenantScope,
    delivery: WebhookDelivery,
    answer: Pick<Answer, 'status' | 'retryAfterSeconds'>,
    error: string | null,
  ): Promise<void> {
    const webhook = await this.webhooks.lock(scope, delivery.webhookId);
    if (!webhook) return;
    const result = { status: answer.status, error };
    if (isTaken(answer)) return this.keepDelivered(scope, webhook, delivery, result);

    const ageSeconds = (Date.now() - (delivery.firstAttemptAt?.getTime() ?? Date.now())) / 1000;
    const attempts = delivery.attempts + 1;
    const { retryAfterSeconds } = answer;
    const waitSeconds = secondsToRetry(this.config, attempts, ageSeconds, retryAfterSeconds);
    const isDead = answer.status === GONE || waitSeconds === undefined;
    const setAside = delivery.setAside || attempts >= this.config.orderedAttempts;
    const after = isDead ? ({ state: 'dead' } as const) : { waitSeconds, setAside };
    if (!(await this.deliveries.endAttempt(scope, delivery, result, after))) return;
    this.counts.inc({ outcome: isDead ? 'dead' : 'retried' });

    const now = Date.now();
    const failingSince = webhook.failingSince ?? new Date(now);
    // All of them wait, for it is the receiver that asks and not the one delivery.
    const isAsked = retryAfterSeconds !== undefined && waitSeconds !== undefined;
    const notBefore = isAsked ? new Date(now + Math.min(retryAfterSeconds, waitSeconds) * 1000) : undefined;
    await this.webhooks.update(scope, webhook.id, { failingSince, notBefore });
    if (answer.status === GONE) await this.service.disable(scope, webhook.id, 'gone');
    else if (now - failingSince.getTime() >= this.config.disableAfterDays * DAY_MS)
      await this.service.disable(scope, webhook.id, 'failing');
    else return;
    this.logger.info('webhook disabled', { webhook_id: webhook.id, status: answer.status });
  }

  private async keepDelivered(
    scope: TenantScope,
    webhook: Webhook,
    delivery: WebhookDelivery,
    result: AttemptResult,
  ): Promise<void> {
    if (!(await this.deliveries.endAttempt(scope, delivery, result, { state: 'delivered' }))) return;
    this.counts.inc({ outcome: 'delivered' });
    if (webhook.failingSince) await this.webhooks.update(scope, webhook.id, { failingSince: null });
  }
}
