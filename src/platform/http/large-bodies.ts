import { Injectable } from '@nestjs/common';
import { FairQueue, QueueFull } from '../fair-share/fair-queue.js';
import { Refusals } from '../load/refusals.js';

/** Two are read together, of two tenants: one more would take the turns of those, and of all other requests. */
const LIMITS = { places: 2, placesOfTenant: 1, maxWaiting: 32, maxWaitingOfTenant: 8 };
/** Reading the largest body takes about so long. */
const READ_MS = 300;

/** The queue of bodies that are read in turns, shared among tenants. */
@Injectable()
export class LargeBodies {
  private readonly queue = new FairQueue(LIMITS);

  constructor(private readonly refusals: Refusals) {}

  /** Reads a body when it is its turn. @throws Problem 503 where too many wait already, and what `read` throws */
  async run<T>(tenant: string, read: () => Promise<T>): Promise<T> {
    try {
      return await this.queue.run(tenant, read);
    } catch (error) {
      if (!(error instanceof QueueFull)) throw error;
      const why = `${error.waiting} large bodies wait to be read already`;
      throw this.refusals.overloaded('bodies', error.waiting * READ_MS, why);
    }
  }
}
