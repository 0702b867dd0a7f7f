import { Metrics } from '../observability/metrics.js';
import { Refusals } from '../load/refusals.js';
import { LargeBodies } from './large-bodies.js';

describe('turns of plain bodies', () => {
  it('should be one a turn of the event loop, of each tenant in turn', async () => {
    const bodies = new LargeBodies(new Refusals(new Metrics()));
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
    const bodies = new LargeBodies(new Refusals(new Metrics()));
    const all = await Promise.allSettled(Array.from({ length: 300 }, () => bodies.takeTurn('a')));
    const refused = all.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(43);
    expect(refused[0]).toMatchObject({ reason: { code: 'OVERLOADED' } });
  });
});
