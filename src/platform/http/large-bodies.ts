import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { HttpConfig } from '../../config/index.js';
import { FairQueue } from '../fair-share/fair-queue.js';
import { Refusals } from '../load/refusals.js';

/** Two are read together, of two tenants: one more would take the turns of those, and of all other requests. */
const LIMITS = { places: 2, placesOfTenant: 1, maxWaiting: 32, maxWaitingOfTenant: 8 };
/** Reading the largest body takes about so long. */
const READ_MS = 300;

/** Copying and checking a plain body takes up to 20 ms: one a turn of the event loop. */
const PLAIN_LIMITS = { places: 1, placesOfTenant: 1, maxWaiting: 1024, maxWaitingOfTenant: 256 };
const CHECK_MS = 20;

/** Bodies that arrive bit by bit are held in memory: as many of the largest as may wait, of each tenant and of all. */
const ARRIVING = { largest: LIMITS.maxWaiting, largestOfTenant: LIMITS.maxWaitingOfTenant };
const ARRIVE_MS = 1000;

/** Bodies that take long on the main thread, or to arrive: tenants share the thread's time and the memory. */
@Injectable()
export class LargeBodies {
  private readonly queue = new FairQueue(LIMITS);
  private readonly plain = new FairQueue(PLAIN_LIMITS);
  /** Bytes reserved for bodies that have not arrived: of all, and by tenant. */
  private arriving = 0;
  private readonly arrivingOf = new Map<string, number>();

  constructor(
    private readonly refusals: Refusals,
    private readonly config: HttpConfig,
  ) {}

  /**
   * Reserves memory for a body that has not arrived whole.
   * @returns gives it back
   * @throws Problem 503 where the tenant, or all together, send as much as may be held
   */
  reserve(tenant: string, bytes: number): () => void {
    const { maxBodyBytes } = this.config;
    const ofTenant = this.arrivingOf.get(tenant) ?? 0;
    const isOverShare = ofTenant + bytes > ARRIVING.largestOfTenant * maxBodyBytes;
    if (isOverShare || this.arriving + bytes > ARRIVING.largest * maxBodyBytes) {
      const held = isOverShare ? `${ofTenant} bytes of your bodies` : `${this.arriving} bytes of bodies`;
      throw this.refusals.overloaded('bodies', ARRIVE_MS, `${held} are on their way already`);
    }
    this.arriving += bytes;
    this.arrivingOf.set(tenant, ofTenant + bytes);
    return () => {
      this.arriving -= bytes;
      const left = this.arrivingOf.get(tenant)! - bytes;
      if (left > 0) this.arrivingOf.set(tenant, left);
      else this.arrivingOf.delete(tenant);
    };
  }

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
