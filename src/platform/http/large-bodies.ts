import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { FairQueue } from '../fair-share/fair-queue.js';
import { Refusals } from '../load/refusals.js';

/** Two are read together, of two tenants: one more would take the turns of those, and of all other requests. */
const LIMITS = { places: 2, placesOfTenant: 1, maxWaiting: 32, maxWaitingOfTenant: 8 };
/** Reading the largest body takes about so long. */
const READ_MS = 300;

/** Copying and checking a plain body takes up to 20 ms: one a turn of the event loop. */
const PLAIN_LIMITS = { places: 1, placesOfTenant: 1, maxWaiting: 1024, maxWaitingOfTenant: 256 };
const CHECK_MS = 20;

/** The queues of bodies that take long on the main thread, shared among tenants. */
@Injectable()
export class LargeBodies {
  private readonly queue = new FairQueue(LIMITS);
  private readonly plain = new FairQueue(PLAIN_LIMITS);

  constructor(private readonly refusals: Refusals) {}

  /** Reads a body of rows when it is its turn. @throws Problem 503 where too many wait already, and what `read` throws */
  run<T>(tenant: string, read: () => Promise<T>): Promise<T> {
    return this.wait(this.queue, READ_MS, tenant, read);
  }

  /**
   * Waits for the turn of any other body. It lasts for the rest of this turn of the event loop, in which the route reads and
   * checks the body, so that requests of others come between those of one tenant.
   * @throws Problem 503 where too many wait already
   */
  takeTurn(tenant: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        resolve();
        return setImmediate();
      };
      this.wait(this.plain, CHECK_MS, tenant, turn).catch(reject);
    });
  }

  private wait<T>(queue: FairQueue, eachMs: number, tenant: string, work: () => Promise<T>): Promise<T> {
    return this.refusals.inTurn('bodies', queue, tenant, work, (waiting) => ({
      what: 'large bodies wait to be read',
      waitMs: waiting * eachMs,
    }));
  }
}
