import { PredictionsConfig } from '../../config/index.js';
import { Refusals } from '../../platform/load/refusals.js';
import { Metrics } from '../../platform/observability/metrics.js';
import { ServingQueues } from './serving-queues.js';

const OVERLOADED = { code: 'OVERLOADED', status: 503 };

/** Work that ends when it is told to. */
function work() {
  let end!: () => void;
  let fail!: (error: Error) => void;
  const ended = new Promise<void>((resolve, reject) => ([end, fail] = [resolve, reject]));
  const run = jest.fn(() => ended);
  return { run, end, fail };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the queues of serving', () => {
  let queues: ServingQueues;

  beforeEach(() => {
    const config = Object.assign(new PredictionsConfig(), {
      maxWaiting: 2,
      maxWaitingRows: 100,
      maxWaitMs: 60_000,
    });
    const metrics = new Metrics();
    queues = new ServingQueues(config, new Refusals(metrics), metrics);
  });

  it('should refuse a run past the bound of its model alone, and take one again when another has failed', async () => {
    const [first, second, other, again] = [work(), work(), work(), work()];
    const failed = queues.waitForRun('acme', 'a', 1, first.run);
    void queues.waitForRun('acme', 'a', 1, second.run);
    await expect(queues.waitForRun('acme', 'a', 1, work().run)).rejects.toMatchObject(OVERLOADED);
    void queues.waitForRun('acme', 'b', 1, other.run);
    void queues.waitForRun('globex', 'a', 1, other.run);
    expect(other.run).toHaveBeenCalledTimes(2);

    first.fail(new Error('the model failed'));
    await expect(failed).rejects.toThrow('the model failed');
    void queues.waitForRun('acme', 'a', 1, again.run);
    expect(again.run).toHaveBeenCalled();
  });

  it('should refuse by the rows of all who wait for a run or a load, not by the request’s own', async () => {
    const [run, load] = [work(), work()];
    void queues.waitForRun('acme', 'a', 99, run.run);
    const loaded = queues.waitForLoad('globex', 1000, load.run);
    await expect(queues.waitForLoad('acme', 1, work().run)).rejects.toMatchObject(OVERLOADED);
    await expect(queues.waitForRun('initech', 'b', 1, work().run)).rejects.toMatchObject(OVERLOADED);
    load.end();
    await loaded;
    const next = work();
    void queues.waitForRun('globex', 'b', 1, next.run);
    expect(next.run).toHaveBeenCalled();
  });

  it('should leave room for other tenants whatever one has waiting', async () => {
    for (let at = 0; at < 5; at++) void queues.waitForRun('acme', `m${at}`, 10, work().run);
    await expect(queues.waitForRun('acme', 'last', 1, work().run)).rejects.toMatchObject({
      ...OVERLOADED,
      detail: expect.stringMatching(/^50 rows wait for their models already/),
    });
    const [globex, initech] = [work(), work()];
    void queues.waitForRun('globex', 'm', 30, globex.run);
    await expect(queues.waitForLoad('globex', 1, work().run)).rejects.toMatchObject(OVERLOADED);
    void queues.waitForRun('initech', 'm', 10, initech.run);
    expect([globex, initech].map(({ run }) => run.mock.calls.length)).toEqual([1, 1]);
  });

  it('should take a row that was never measured for a slow one, and say how long the queue takes', async () => {
    const config = { maxWaiting: 10, maxWaitingRows: 10_000, maxWaitMs: 2000 };
    const metrics = new Metrics();
    queues = new ServingQueues(
      Object.assign(new PredictionsConfig(), config),
      new Refusals(metrics),
      metrics,
    );
    void queues.waitForRun('acme', 'new', 2001, work().run);
    await expect(queues.waitForRun('acme', 'new', 1, work().run)).rejects.toMatchObject({
      ...OVERLOADED,
      extra: { headers: { 'Retry-After': '3' } },
    });

    const quick = work();
    const measured = queues.waitForRun('acme', 'quick', 5000, quick.run);
    quick.end();
    await measured;
    const [first, second] = [work(), work()];
    void queues.waitForRun('acme', 'quick', 2001, first.run);
    void queues.waitForRun('acme', 'quick', 1, second.run);
    expect(second.run).toHaveBeenCalled();
  });

  it('should let four explain at once, at most three of one tenant', async () => {
    const works = Array.from({ length: 5 }, work);
    const begun = () => works.map(({ run }) => run.mock.calls.length);
    const all = works.map(({ run }) => queues.waitToExplain('acme', run));
    const other = work();
    const others = queues.waitToExplain('globex', other.run);
    await settled();
    expect([...begun(), other.run.mock.calls.length]).toEqual([1, 1, 1, 0, 0, 1]);
    works[2]!.fail(new Error('no finite answer'));
    await expect(all[2]).rejects.toThrow('no finite answer');
    await settled();
    expect(begun()).toEqual([1, 1, 1, 1, 0]);
    [...works, other].forEach(({ end }) => end());
    await Promise.allSettled([...all, others]);
    expect(begun()).toEqual([1, 1, 1, 1, 1]);
  });

  it('should refuse a tenant to explain where 32 of its requests wait for it already', async () => {
    const works = Array.from({ length: 35 }, work);
    const all = works.map(({ run }) => queues.waitToExplain('acme', run));
    await expect(queues.waitToExplain('acme', work().run)).rejects.toMatchObject({
      ...OVERLOADED,
      detail: '32 explanations wait already; try again in 5 s.',
    });
    const other = work();
    other.end();
    await queues.waitToExplain('globex', other.run);
    works.forEach(({ end }) => end());
    await Promise.all(all);
  });
});
