import { Injectable } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/index.js';
import { unfit } from '../../../platform/errors/problem.js';
import { FairQueue } from '../../../platform/fair-share/fair-queue.js';
import { Refusals } from '../../../platform/load/refusals.js';
import { AddressRefused, literalOf, ReceiverAddresses } from './receiver-addresses.js';
import { faultOfUrl } from './receiver-url.js';

/**
 * None waits: a request that repeats by its Idempotency-Key holds a connection to the database while slow name servers are
 * asked.
 */
const QUEUE = { places: 8, placesOfTenant: 2, maxWaiting: 1, maxWaitingOfTenant: 1 };

/** Looks at receivers before there is a webhook for them; whether they answer, nobody asks. */
@Injectable()
export class ReceiverCheck {
  private readonly queue = new FairQueue(QUEUE);

  constructor(
    private readonly config: WebhooksConfig,
    private readonly addresses: ReceiverAddresses,
    private readonly refusals: Refusals,
  ) {}

  /** @throws Problem 422 where the URL, or an address of its host, may not be called; 503 while others are looked at */
  async check(tenant: string, url: string): Promise<void> {
    const fault = faultOfUrl(url, this.config);
    if (fault) throw unfit('/url', fault);
    try {
      await this.resolve(tenant, new URL(url).hostname);
    } catch (error) {
      if (!(error instanceof AddressRefused)) throw error;
      // Which of them it is would tell callers of names and addresses of the network that the service runs in.
      throw unfit('/url', 'must name a host that DNS knows, and all of whose addresses are public');
    }
  }

  private resolve(tenant: string, hostname: string): Promise<string> {
    const waitMs = this.config.connectSeconds * 1000;
    const look = () => this.addresses.resolve(hostname, AbortSignal.timeout(waitMs));
    if (literalOf(hostname) !== undefined) return look();
    if (!this.queue.hasRoomFor(tenant))
      throw this.refusals.overloaded('webhooks', waitMs, 'Other receivers are looked up');
    return this.queue.run(tenant, look);
  }
}
