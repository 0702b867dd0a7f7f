import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { WebhooksConfig } from '../../../config/index.js';
import { FairQueue } from '../../../platform/fair-share/fair-queue.js';
import { AppLogger } from '../../../platform/observability/logger.js';
import { Metrics } from '../../../platform/observability/metrics.js';
import type { TaskLease } from '../../../platform/tasks/task-lease.js';
import { Tasks } from '../../../platform/tasks/tasks.js';
import { Attempts } from './attempts.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { FanOut } from './fan-out.js';

const POLL_MS = 1000;
/** A turn that always has something to do ends after so long, so that one that hangs is told from it. */
const TURN_MS = 600_000;
const MAX_TURN_SECONDS = 900;
/** Webhooks that wait for their place at once. */
const AT_ONCE = 1000;

/**
 * Delivers the events of all tenants; one process at a time does it for all. A webhook is called by one request at a
 * time. Tenants share the places for requests, so that none waits for the slow receivers of another.
 */
@Injectable()
export class Deliverer implements OnApplicationBootstrap {
  private readonly queue: FairQueue;
  /** By the id of the webhook that is called, or waits for its place. */
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(
    config: WebhooksConfig,
    private readonly fanOut: FanOut,
    private readonly deliveries: DeliveriesRepository,
    private readonly attempts: Attempts,
    private readonly tasks: Tasks,
    private readonly logger: AppLogger,
    metrics: Metrics,
  ) {
    this.queue = new FairQueue({
      places: config.concurrency,
      placesOfTenant: config.concurrencyPerTenant,
      maxWaiting: Infinity,
      maxWaitingOfTenant: Infinity,
    });
    metrics.gauge(
      'modelplane_webhook_deliveries_waiting',
      'Deliveries of all tenants that wait for their first or next attempt.',
      [],
      async () => [{ labels: {}, value: await this.deliveries.countWaiting() }],
      'first',
    );
  }

  onApplicationBootstrap(): void {
    const times = { seconds: POLL_MS / 1000, maxRunSeconds: MAX_TURN_SECONDS };
    this.tasks.every('webhooks', times, (lease) => this.deliver(lease));
  }

  /** Delivers until nothing is left that may be tried now. */
  async deliver(lease?: TaskLease): Promise<void> {
    const until = performance.now() + TURN_MS;
    try {
      do {
        lease?.refuseLost();
        await this.fanOut.run(lease);
        if (performance.now() < until) await this.startDue(lease, until);
        const pause = sleep(POLL_MS, undefined, { ref: false, signal: lease?.signal }).catch(() => undefined);
        await Promise.race([pause, this.allDone()]);
      } while (this.underWay.size > 0);
    } finally {
      await this.allDone();
    }
  }

  private async startDue(lease: TaskLease | undefined, until: number): Promise<void> {
    for (const { tenant, id } of await this.deliveries.due([...this.underWay.keys()], AT_ONCE)) {
      const done = this.deliverAll(lease, until, tenant, id)
        .catch((error: unknown) => {
          if (lease?.signal.aborted) return;
          this.logger.failure('deliveries of a webhook stay due', error, { webhook_id: id });
        })
        .finally(() => this.underWay.delete(id));
      this.underWay.set(id, done);
    }
  }

  /** What is due of one webhook. Each attempt takes a place of its own, so that other tenants have their turns between. */
  private async deliverAll(
    lease: TaskLease | undefined,
    until: number,
    tenant: string,
    id: string,
  ): Promise<void> {
    const tryNext = () => this.attempts.tryNext(lease, tenant, id);
    while (performance.now() < until && (await this.queue.run(tenant, tryNext)));
  }

  private async allDone(): Promise<void> {
    await Promise.all(this.underWay.values());
  }
}
