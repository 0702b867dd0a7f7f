import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/database.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import type { TaskLease } from '../../../platform/tasks/task-lease.js';
import { Receivers } from '../receivers/receivers.js';
import type { Webhook } from '../webhook.entity.js';
import { WebhookSecrets } from '../webhook-secrets.js';
import { WebhooksRepository } from '../webhooks.repository.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { Outcomes } from './outcomes.js';

/** Tries the deliveries of a webhook, one after the other. */
@Injectable()
export class Attempts {
  constructor(
    private readonly database: Database,
    private readonly webhooks: WebhooksRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly receivers: Receivers,
    private readonly secrets: WebhookSecrets,
    private readonly outcomes: Outcomes,
    private readonly logger: AppLogger,
  ) {}

  /**
   * Tries what is to be tried now. An attempt is noted once it has ended: one whose process dies, or whose outcome the
   * database does not take, is made again.
   * @returns false where nothing was
   * @throws TaskLost, TaskInterrupted, DatabaseUnavailable
   */
  async tryNext(lease: TaskLease | undefined, tenant: string, webhookId: string): Promise<boolean> {
    lease?.refuseLost();
    const next = await this.database.asTenant(tenant, async (scope) => {
      const webhook = await this.webhooks.findCallable(scope, webhookId);
      const delivery = webhook && (await this.deliveries.nextDue(scope, webhookId));
      return delivery && { webhook, delivery };
    });
    if (!next) return false;
    const { webhook, delivery } = next;
    const secrets = this.secretsOf(webhook);
    lease?.refuseLost();
    const message = { id: delivery.eventId, body: delivery.body };
    const answer = secrets
      ? await this.receivers.post(webhook.url, secrets, message, lease?.signal)
      : { status: null, failure: 'secret_unreadable' };
    lease?.refuseLost();
    await this.database.asTenant(tenant, (scope) =>
      this.outcomes.keep(scope, delivery, answer, answer.failure),
    );
    return true;
  }

  private secretsOf(webhook: Webhook): string[] | undefined {
    try {
      return this.secrets.of(webhook);
    } catch (error) {
      const what = { webhook_id: webhook.id };
      this.logger.failure('the secret of a webhook is encrypted with another key', error, what);
      return undefined;
    }
  }
}
