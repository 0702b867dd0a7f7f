import { FairPool, type PlaceHolder, PoolFull } from './fair-pool.js';

const MAX_WAIT_MS = 60_000;

/** Stands for a process: it has ended, and given its place back, once it was told to leave and is idle. */
class Holder implements PlaceHolder {
  private giveBack?: () => void;
  private isLeaving = false;
  pending: number;

  constructor(
    private readonly pool: FairPool,
    readonly tenant: string,
    isIdle = false,
    readonly lastUsed = performance.now(),
  ) {
    this.pending = isIdle ? 0 : 1;
  }

  get isThere(): boolean {
    return this.giveBack !== undefined;
  }

  async take(): Promise<void> {
    this.giveBack = await this.pool.take(this.tenant, this);
  }

  giveWay(): void {
    this.isLeaving = true;
    if (this.pending === 0) this.end();
  }

  async becomeIdle(): Promise<void> {
    this.pending = 0;
    if (this.isLeaving) this.end();
    else this.pool.becameIdle();
    await turn();
  }

  end(): void {
    this.giveBack!();
    this.giveBack = undefined;
  }
}

/** Turns of the event loop, until what has become possible has happened. */
async function turn(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a pool of places that tenants hold', () => {
  let pool: FairPool;

  beforeEach(
    () => (pool = new FairPool({ name: 'seats', places: 4, placesOfTenant: 3, maxWaitMs: MAX_WAIT_MS })),
  );

  const busy = (tenant: string) => new Holder(pool, tenant);
  const idle = (tenant: string, idleMs = 0) => new Holder(pool, tenant, true, performance.now() - idleMs);

  /** Seats holders, each of which finds room. */
  async function seat(...holders: Holder[]): Promise<Holder[]> {
    for (const holder of holders) {
      await holder.take();
      await turn();
    }
    return holders;
  }

  const there = (holders: Holder[]) => holders.map(({ isThere }) => isThere);

  it('should take a place before the next one asks', async () => {
    const asked = Array.from({ length: 6 }, () => busy('a').take());
    expect(pool.held).toBe(3);
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  });

  it('should keep a place from a tenant that takes all, for the next one', async () => {
    await seat(busy('a'), busy('a'), busy('a'));
    await expect(busy('a').take()).rejects.toThrow('your share of the 4 seats is busy');
    await expect(busy('a').take()).rejects.toThrow(PoolFull);
    await seat(busy('b'));
    expect(pool.held).toBe(4);
  });

  it('should give its only place to the tenant that asks where there is one alone', async () => {
    pool = new FairPool({ name: 'seats', places: 1, placesOfTenant: 1, maxWaitMs: MAX_WAIT_MS });
    const [first] = await seat(idle('a'));
    await seat(busy('a'));
    expect(first!.isThere).toBe(false);
  });

  it('should end the holder that has been idle longest of the tenant with the most', async () => {
    const holders = await seat(idle('b', 900), idle('a', 100), idle('a', 800), idle('a', 300));
    await seat(busy('c'));
    expect(there(holders)).toEqual([true, true, false, true]);
  });

  it('should end an idle holder of the one who asks where that one has the most', async () => {
    const holders = await seat(idle('a', 10), busy('a'), idle('b', 20), idle('b', 30));
    await seat(busy('a'));
    expect(there(holders)).toEqual([false, true, true, true]);
  });

  it('should leave a tenant its one place, whatever others ask for', async () => {
    const holders = await seat(busy('a'), busy('a'), busy('a'), idle('b'));
    await expect(busy('a').take()).rejects.toThrow(PoolFull);
    await holders[0]!.becomeIdle();
    await seat(busy('c'));
    expect(there(holders)).toEqual([false, true, true, true]);
  });

  it('should have no claim kept by a tenant that asks for nothing', async () => {
    const holders = await seat(busy('a'), busy('a'), idle('b', 60_000), idle('c'));
    await seat(busy('a'));
    expect(there(holders)).toEqual([true, true, false, true]);
  });

  it('should have a busy holder of the tenant with the most leave when it has answered', async () => {
    const holders = await seat(busy('a'), busy('a'), busy('a'), busy('b'));
    const late = busy('c');
    const asked = late.take();
    await turn();
    expect([pool.length, late.isThere]).toEqual([1, false]);
    await holders[0]!.becomeIdle();
    await asked;
    expect([...there(holders), late.isThere]).toEqual([false, true, true, true, true]);
  });

  it('should refuse a tenant that would then have more than the one that gives way', async () => {
    await seat(busy('a'), busy('a'), busy('b'), busy('b'));
    await expect(busy('a').take()).rejects.toThrow(PoolFull);
    await expect(busy('b').take()).rejects.toThrow(PoolFull);
  });

  it('should count what a tenant waits for, so that it waits for its share and no more', async () => {
    const holders = await seat(busy('a'), busy('a'), busy('a'), busy('b'));
    const asked = Promise.allSettled(Array.from({ length: 5 }, () => busy('b').take()));
    expect(pool.length).toBe(1);
    await holders[0]!.becomeIdle();
    const outcomes = await asked;
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('should serve the waiting tenant with the fewest first, and then find room for the other', async () => {
    const holders = await seat(busy('a'), busy('a'), busy('a'), busy('b'));
    const [second, first] = [busy('b'), busy('c')];
    const asked = Promise.all([second.take(), first.take()]);
    await turn();
    await holders[0]!.becomeIdle();
    expect([first.isThere, second.isThere]).toEqual([true, false]);
    // The tenant a has one more than b, and no longer two: it keeps what it has until a holder of it is idle.
    holders[1]!.end();
    await asked;
    expect(there(holders)).toEqual([false, false, true, true]);
  });

  it('should have tenants take turns where there are more than places', async () => {
    const holders = await seat(busy('a'), busy('b'), busy('c'), busy('d'));
    const late = busy('e');
    const asked = late.take();
    await holders[0]!.becomeIdle();
    await asked;
    expect(there(holders)).toEqual([false, true, true, true]);
  });

  it('should not have what ends by itself give way', async () => {
    const trials = Array.from({ length: 3 }, () => ({ pending: 1, lastUsed: performance.now() }));
    for (const trial of trials) await pool.take('a', trial);
    const [b] = await seat(busy('b'));
    const asked = busy('c').take();
    await turn();
    await b!.becomeIdle();
    await asked;
    expect(b!.isThere).toBe(false);
  });

  it('should refuse who has waited for too long, and hand on the place that becomes free later', async () => {
    pool = new FairPool({ name: 'seats', places: 4, placesOfTenant: 3, maxWaitMs: 50 });
    const holders = await seat(busy('a'), busy('a'), busy('a'), busy('b'));
    const error = await busy('c')
      .take()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PoolFull);
    expect(error).toMatchObject({
      message: 'none of the 4 seats became free in 0.05 s',
      retryAfterSeconds: 1,
    });
    expect(pool.length).toBe(0);
    await holders[0]!.becomeIdle();
    expect(pool.held).toBe(3);
    await seat(busy('d'));
  });
});
