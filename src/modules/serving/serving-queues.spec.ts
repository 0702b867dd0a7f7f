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
    const loaded = queues.waitForLoad(1000, load.run);
    await expect(queues.waitForLoad(1, work().run)).rejects.toMatchObject(OVERLOADED);
    await expect(queues.waitForRun('globex', 'b', 1, work().run)).rejects.toMatchObject(OVERLOADED);
    load.end();
    await loaded;
    const next = work();
    void queues.waitForRun('globex', 'b', 1, next.run);
    expect(next.run).toHaveBeenCalled();
  });

  it('should let four explain at once and hand each place to the one that has waited longest', async () => {
    const works = Array.from({ length: 6 }, work);
    const begun = () => works.map(({ run }) => run.mock.calls.length);
    const all = works.map(({ run }) => queues.waitToExplain(run));
    await settled();
    expect(begun()).toEqual([1, 1, 1, 1, 0, 0]);
    works[3]!.fail(new Error('no finite answer'));
    await expect(all[3]).rejects.toThrow('no finite answer');
    const newcomer = work();
    const late = queues.waitToExplain(newcomer.run);
    await settled();
    expect(begun()).toEqual([1, 1, 1, 1, 1, 0]);
    expect(newcomer.run).not.toHaveBeenCalled();

    works.forEach(({ end }) => end());
    newcomer.end();
    await Promise.allSettled([...all, late]);
    expect(begun()).toEqual([1, 1, 1, 1, 1, 1]);
    expect(newcomer.run).toHaveBeenCalledTimes(1);
  });

  it('should refuse to explain where 64 wait for it already', async () => {
    const works = Array.from({ length: 68 }, work);
    const all = works.map(({ run }) => queues.waitToExplain(run));
    await expect(queues.waitToExplain(work().run)).rejects.toMatchObject({
      ...OVERLOADED,
      detail: '64 explanations wait already; try again in 5 s.',
    });
    works.forEach(({ end }) => end());
    await Promise.all(all);
    const next = work();
    next.end();
    await queues.waitToExplain(next.run);
    expect(next.run).toHaveBeenCalled();
  });
});
