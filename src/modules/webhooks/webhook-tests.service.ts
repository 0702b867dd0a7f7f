import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../config/index.js';
import { Database } from '../../platform/database/database.js';
import { FairQueue } from '../../platform/fair-share/fair-queue.js';
import { newId } from '../../platform/http/identifiers.js';
import { Refusals } from '../../platform/load/refusals.js';
import { isTaken, Receivers } from './receivers/receivers.js';
import { WebhookSecrets } from './webhook-secrets.js';
import type { WebhookTestBody } from './webhooks.dto.js';
import { WebhooksService } from './webhooks.service.js';

/** In one process; a receiver may take its time. */
const QUEUE = { places: 16, placesOfTenant: 2, maxWaiting: 64, maxWaitingOfTenant: 4 };

/** Tries webhooks while their callers wait. */
@Injectable()
export class WebhookTestsService {
  private readonly queue = new FairQueue(QUEUE);

  constructor(
    private readonly config: WebhooksConfig,
    private readonly database: Database,
    private readonly webhooks: WebhooksService,
    private readonly secrets: WebhookSecrets,
    private readonly receivers: Receivers,
    private readonly refusals: Refusals,
  ) {}

  /**
   * Sends an event of the type `webhook.test` once, also to a webhook that is disabled; nothing is kept of it.
   * @throws Problem 404, 503 where too many wait
   */
  async test(tenant: string, id: string): Promise<WebhookTestBody> {
    const webhook = await this.database.asTenant(tenant, (scope) => this.webhooks.find(scope, id));
    const secrets = this.secrets.of(webhook);
    const send = () => {
      const event = {
        type: 'webhook.test',
        timestamp: new Date().toISOString(),
        data: { webhook_id: webhook.id },
      };
      return this.receivers.post(webhook.url, secrets, { id: newId(), body: JSON.stringify(event) });
    };
    const answer = await this.refusals.inTurn('webhooks', this.queue, tenant, send, (waiting) => ({
      what: 'tests of webhooks wait',
      waitMs: (waiting * this.config.timeoutSeconds * 1000) / QUEUE.placesOfTenant,
    }));
    return {
      delivered: isTaken(answer),
      status: answer.status,
      error: answer.failure,
      duration_seconds: answer.seconds,
    };
  }
}
