import { FairQueue, type FairQueueLimits, QueueFull } from './fair-queue.js';

const LIMITS: FairQueueLimits = { places: 3, placesOfTenant: 2, maxWaiting: 6, maxWaitingOfTenant: 4 };

describe('a queue that tenants share', () => {
  let queue: FairQueue;
  /** Names of the works that have begun, in this order. */
  let begun: string[];
  let ends: Map<string, (error?: Error) => void>;

  beforeEach(() => {
    queue = new FairQueue(LIMITS);
    begun = [];
    ends = new Map();
  });

  /** A work of the tenant that its name begins with. */
  function ask(name: string): Promise<string> {
    return queue.run(name[0]!, () => {
      begun.push(name);
      return new Promise((resolve, reject) =>
        ends.set(name, (error) => (error ? reject(error) : resolve(name))),
      );
    });
  }

  async function end(name: string, error?: Error): Promise<void> {
    ends.get(name)!(error);
    await new Promise((resolve) => setImmediate(resolve));
  }

  it('should keep a place from a tenant that asks for all, for one that comes later', async () => {
    void Promise.all([ask('a1'), ask('a2'), ask('a3')]);
    expect(begun).toEqual(['a1', 'a2']);
    void ask('b1');
    expect(begun).toEqual(['a1', 'a2', 'b1']);
    expect([queue.underWay, queue.length]).toEqual([3, 1]);
  });

  it('should give a free place to the tenant with the fewest under way, in the order of its works', async () => {
    for (const name of ['a1', 'a2', 'b1', 'a3', 'a4', 'b2', 'c1']) void ask(name);
    await end('b1');
    await end('a1');
    await end('a2');
    expect(begun).toEqual(['a1', 'a2', 'b1', 'c1', 'b2', 'a3']);
  });

  it('should take turns among tenants that have as many under way', async () => {
    queue = new FairQueue({ ...LIMITS, places: 1, placesOfTenant: 1 });
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) void ask(name);
    for (const name of ['a1', 'b1', 'c1', 'a2', 'b2']) await end(name);
    expect(begun).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('should refuse a tenant with too much waiting, and everybody where all have too much', async () => {
    for (const name of ['a1', 'a2', 'a3', 'a4', 'a5', 'a6']) void ask(name);
    await expect(ask('a7')).rejects.toMatchObject({ waiting: 4, ofTenant: true });
    for (const name of ['b1', 'b2', 'b3']) void ask(name);
    await expect(ask('c1')).rejects.toMatchObject({ waiting: 6, ofTenant: false });
    await expect(ask('c1')).rejects.toThrow(QueueFull);
    await end('b1');
    void ask('c1');
    expect(queue.length).toBe(6);
  });

  it('should hand on the place of a work that fails', async () => {
    queue = new FairQueue({ ...LIMITS, places: 1 });
    const failed = ask('a1');
    const next = ask('b1');
    await Promise.all([expect(failed).rejects.toThrow('no answer'), end('a1', new Error('no answer'))]);
    await end('b1');
    expect(await next).toBe('b1');
    expect([queue.underWay, queue.length]).toEqual([0, 0]);
  });
});
