import { FairQueue } from './fair-queue.js';

/** What holds a place, and may be asked to leave it to others. */
export interface PlaceHolder {
  /** Requests that it has not answered yet; none where it is idle. */
  readonly pending: number;
  /** When it was last asked for something, by `performance.now()`. */
  readonly lastUsed: number;
  /** Has it end once it has answered what it was asked. Absent for what ends by itself. */
  giveWay?(): void;
}

export interface FairPoolLimits {
  /** What the places are of, in the plural, for those who are refused one. */
  readonly name: string;
  readonly places: number;
  /** The most of them that one tenant has. */
  readonly placesOfTenant: number;
  /** The longest wait for a place. */
  readonly maxWaitMs: number;
}

/** Thrown where no place can be had: the tenant has its share already, or none became free in time. */
export class PoolFull extends Error {
  constructor(
    message: string,
    /** As long as it has been since a place became free: the best guess of when the next one does. */
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

interface Seat {
  readonly tenant: string;
  readonly holder: PlaceHolder;
  readonly since: number;
  isLeaving: boolean;
}

/** A tenant has no claim to what it has not used for so long. */
const CLAIM_MS = 30_000;
const MAX_RETRY_SECONDS = 60;

/**
 * Places that tenants hold for long, such as those of processes, and give back when others need them. One tenant has
 * at most `placesOfTenant`, so that the next one finds one. Where none is free, an idle holder leaves: of the tenant with the most,
 * the one idle longest. Where all are busy, one of the tenant with the most leaves when it has answered what it was
 * asked, if that tenant has at least two more than the one who asks (max-min fairness); a tenant that has none gets a
 * place in any case, from a tenant with one only where nobody has more. Others have their share, and are refused. Who
 * waits is served as by a `FairQueue`.
 */
export class FairPool {
  private readonly queue: FairQueue;
  private readonly seats = new Set<Seat>();
  /** The tenants of those who wait, in the order in which they came. */
  private readonly waiting = new Set<{ readonly tenant: string }>();
  private freedAt = performance.now();

  constructor(private readonly limits: FairPoolLimits) {
    const { places, placesOfTenant } = limits;
    // Who may wait is decided here, and a tenant waits for no more than it could hold.
    this.queue = new FairQueue({
      places,
      placesOfTenant,
      maxWaiting: Infinity,
      maxWaitingOfTenant: Infinity,
    });
  }

  /** Places that are held. */
  get held(): number {
    return this.queue.underWay;
  }

  /** Requests for a place that wait. */
  get length(): number {
    return this.waiting.size;
  }

  /**
   * Waits for a place; where there is one, it is taken before this returns.
   * @returns gives the place back
   * @throws PoolFull
   */
  async take(tenant: string, holder: PlaceHolder): Promise<() => void> {
    if (this.queue.hasRoomFor(tenant)) return this.sit(tenant, holder);
    const claims = this.claimsOf(tenant);
    const seat = this.nextToLeave(tenant, claims);
    if (!seat && claims > 0) throw this.full((all) => `your share of ${all} is busy`);
    if (seat) leave(seat);
    const waiter = { tenant };
    this.waiting.add(waiter);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(this.full((all) => `none of ${all} became free in ${this.limits.maxWaitMs / 1000} s`));
      }, this.limits.maxWaitMs);
    });
    const taken = this.sit(tenant, holder, () => this.waiting.delete(waiter));
    try {
      return await Promise.race([taken, late]);
    } finally {
      clearTimeout(timer);
      // Its turn comes all the same, and then it hands the place on at once.
      if (this.waiting.delete(waiter)) void taken.then((giveBack) => giveBack());
    }
  }

  /** Says that a holder has become idle, which somebody may wait for. */
  becameIdle(): void {
    this.makeRoom();
  }

  /** Takes a place when it is the tenant's turn. */
  private sit(tenant: string, holder: PlaceHolder, seated?: () => void): Promise<() => void> {
    return new Promise((resolve) => {
      void this.queue.run(tenant, () => {
        const seat: Seat = { tenant, holder, since: performance.now(), isLeaving: false };
        this.seats.add(seat);
        seated?.();
        return new Promise<void>((end) => {
          resolve(() => {
            this.seats.delete(seat);
            this.freedAt = performance.now();
            end();
            // The next one in the queue has its turn before this: whoever still waits needs another place.
            setImmediate(() => this.makeRoom());
          });
        });
      });
    });
  }

  /** Has as many holders leave as requests wait, as far as the rules allow. */
  private makeRoom(): void {
    let missing = this.waiting.size - Array.from(this.seats).filter(({ isLeaving }) => isLeaving).length;
    for (const { tenant } of this.waiting) {
      if (missing <= 0) return;
      // The one who waits does not count as holding what it waits for.
      const seat = this.nextToLeave(tenant, this.claimsOf(tenant) - 1);
      if (!seat) continue;
      leave(seat);
      missing--;
    }
  }

  /** What a tenant holds and waits for. */
  private claimsOf(tenant: string): number {
    const waiting = Array.from(this.waiting).filter((waiter) => waiter.tenant === tenant).length;
    return this.queue.underWayOf(tenant) + waiting;
  }

  /** Who leaves for one more place of a tenant that has so many claims; the first rank goes first. */
  private nextToLeave(tenant: string, claims: number): Seat | undefined {
    const sizes = new Map([[tenant, claims + 1]]);
    for (const seat of this.seats) {
      if (seat.tenant !== tenant && !seat.isLeaving)
        sizes.set(seat.tenant, (sizes.get(seat.tenant) ?? 0) + 1);
    }
    const unclaimedSince = performance.now() - CLAIM_MS;
    const rankOf = ({ tenant: other, holder, isLeaving }: Seat): number | undefined => {
      if (isLeaving || !holder.giveWay) return undefined;
      const isIdle = holder.pending === 0;
      if (other === tenant) return isIdle ? 0 : undefined;
      if (claims >= this.limits.placesOfTenant) return undefined;
      if (isIdle && holder.lastUsed < unclaimedSince) return 0;
      if (sizes.get(other)! >= claims + 2) return isIdle ? 0 : 1;
      // There are more tenants than places: they take turns.
      return claims > 0 ? undefined : isIdle ? 2 : 3;
    };
    let first: { seat: Seat; order: readonly number[] } | undefined;
    for (const seat of this.seats) {
      const rank = rankOf(seat);
      if (rank === undefined) continue;
      const order = [rank, -sizes.get(seat.tenant)!, seat.holder.pending ? seat.since : seat.holder.lastUsed];
      if (!first || isBefore(order, first.order)) first = { seat, order };
    }
    return first?.seat;
  }

  private full(why: (all: string) => string): PoolFull {
    const { places, name } = this.limits;
    const seconds = Math.ceil((performance.now() - this.freedAt) / 1000);
    return new PoolFull(why(`the ${places} ${name}`), Math.min(MAX_RETRY_SECONDS, Math.max(1, seconds)));
  }
}

function leave(seat: Seat): void {
  seat.isLeaving = true;
  seat.holder.giveWay!();
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && a[at]! < b[at]!;
}
