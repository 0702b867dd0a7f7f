/** Thrown where a tenant, or all of them together, have as much waiting as may wait. */
export class QueueFull extends Error {
  constructor(
    /** How many wait already: of the tenant, where it is `ofTenant`, else of all. */
    readonly waiting: number,
    readonly ofTenant: boolean,
  ) {
    super(`${waiting} wait already`);
  }
}

export interface FairQueueLimits {
  /** How many works are under way together. */
  readonly places: number;
  /** Of these, how many may be of one tenant; the others are for those who come later. */
  readonly placesOfTenant: number;
  readonly maxWaiting: number;
  readonly maxWaitingOfTenant: number;
}

interface Share {
  running: number;
  /** Each is called once, when its place is free. */
  readonly waiting: (() => void)[];
}

/**
 * A number of places shared by tenants. A place that becomes free goes to the tenant with the fewest works under way,
 * among equals to the one whose last work ended longest ago; works of one tenant have their turns in the order in which they
 * came. So a tenant that asks for little waits for the end of one work at most, whatever the others ask for.
 */
export class FairQueue {
  /** Tenants that have work under way or waiting; those whose last work ended longest ago come first. */
  private readonly shares = new Map<string, Share>();
  private running = 0;
  private waiting = 0;

  constructor(private readonly limits: FairQueueLimits) {}

  /** Works under way. */
  get underWay(): number {
    return this.running;
  }

  /** Works that wait for a place. */
  get length(): number {
    return this.waiting;
  }

  /** Works of a tenant that are under way. */
  underWayOf(tenant: string): number {
    return this.shares.get(tenant)?.running ?? 0;
  }

  /** Whether a work of a tenant that came now would begin at once. */
  hasRoomFor(tenant: string): boolean {
    return this.hasPlaceFor(this.shares.get(tenant) ?? { running: 0 });
  }

  /** Does `work` when it is its turn. @throws QueueFull before it waits, and what `work` throws */
  async run<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    const share = this.shares.get(tenant) ?? { running: 0, waiting: [] };
    this.refuseFull(share);
    this.shares.set(tenant, share);
    if (this.hasPlaceFor(share)) this.begin(share);
    else {
      this.waiting++;
      await new Promise<void>((resolve) => share.waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      this.end(tenant, share);
    }
  }

  private refuseFull({ waiting }: Share): void {
    if (waiting.length >= this.limits.maxWaitingOfTenant) throw new QueueFull(waiting.length, true);
    if (this.waiting >= this.limits.maxWaiting) throw new QueueFull(this.waiting, false);
  }

  private hasPlaceFor({ running }: Pick<Share, 'running'>): boolean {
    return this.running < this.limits.places && running < this.limits.placesOfTenant;
  }

  private begin(share: Share): void {
    this.running++;
    share.running++;
  }

  private end(tenant: string, share: Share): void {
    this.running--;
    share.running--;
    this.shares.delete(tenant);
    // The tenant's next turn comes after those of all others.
    if (share.running > 0 || share.waiting.length > 0) this.shares.set(tenant, share);
    const next = this.next();
    if (!next) return;
    this.waiting--;
    this.begin(next);
    next.waiting.shift()!();
  }

  private next(): Share | undefined {
    let least: Share | undefined;
    for (const share of this.shares.values()) {
      const mayRun = share.waiting.length > 0 && this.hasPlaceFor(share);
      if (mayRun && (!least || share.running < least.running)) least = share;
    }
    return least;
  }
}
