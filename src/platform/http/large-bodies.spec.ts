import { HttpConfig } from '../../config/index.js';
import { Metrics } from '../observability/metrics.js';
import { Refusals } from '../load/refusals.js';
import { LargeBodies } from './large-bodies.js';

const newBodies = (config = new HttpConfig()) => new LargeBodies(new Refusals(new Metrics()), config);

describe('memory of bodies that arrive', () => {
  const config = Object.assign(new HttpConfig(), { maxBodyBytes: 100 });
  const isRefused = (held: string) =>
    expect.objectContaining({ code: 'OVERLOADED', detail: expect.stringContaining(held) });

  it('should be refused to a tenant that sends eight of the largest, and not to the next one', () => {
    const bodies = newBodies(config);
    const giveBack = bodies.reserve('a', 750);
    expect(() => bodies.reserve('a', 51)).toThrow(isRefused('750 bytes of your bodies'));
    bodies.reserve('a', 50);
    bodies.reserve('b', 800);
    giveBack();
    expect(() => bodies.reserve('a', 751)).toThrow(isRefused('50 bytes of your bodies'));
    bodies.reserve('a', 750);
  });

  it('should be refused to all where all together send thirty-two of the largest', () => {
    const bodies = newBodies(config);
    const [giveBack] = ['a', 'b', 'c', 'd'].map((tenant) => bodies.reserve(tenant, 800));
    expect(() => bodies.reserve('e', 1)).toThrow(isRefused('3200 bytes of bodies'));
    giveBack!();
    bodies.reserve('e', 800);
  });
});

describe('turns of plain bodies', () => {
  it('should be one a turn of the event loop, of each tenant in turn', async () => {
    const bodies = newBodies();
    let turn = 0;
    const taken: [string, number][] = [];
    const take = (tenant: string) => bodies.takeTurn(tenant).then(() => taken.push([tenant, turn]));
    const all = Promise.all(['a', 'a', 'a', 'a', 'b'].map(take));
    while (taken.length < 5) {
      await new Promise(setImmediate);
      turn++;
    }
    await all;
    expect(taken.map(([tenant]) => tenant)).toEqual(['a', 'b', 'a', 'a', 'a']);
    // The second turn may end before this loop has counted the first one.
    expect(new Set(taken.map(([, at]) => at)).size).toBeGreaterThanOrEqual(4);
  });

  it('should be refused by 503 to a tenant of which too many wait', async () => {
    const bodies = newBodies();
    const all = await Promise.allSettled(Array.from({ length: 300 }, () => bodies.takeTurn('a')));
    const refused = all.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(43);
    expect(refused[0]).toMatchObject({ reason: { code: 'OVERLOADED' } });
  });
});
