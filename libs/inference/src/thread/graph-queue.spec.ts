import { GraphQueue, type WaitingRun } from './graph-queue.js';

const FETCHES = ['label'];

function run(rows: number, fetches: readonly string[] = FETCHES): WaitingRun {
  return { tensors: [], rows, fetches, resolve: () => undefined, reject: () => undefined };
}

/** Rows of the requests in each turn. */
function turns(cost: { firstMs: number; perRowMs: number }, runs: WaitingRun[]): number[][] {
  const queue = new GraphQueue();
  queue.cost = cost;
  for (const each of runs) queue.add(each);
  const taken: number[][] = [];
  while (!queue.isEmpty) taken.push(queue.take().map(({ rows }) => rows));
  return taken;
}

describe('what waits for one graph', () => {
  it('should run together what costs less than a run does anyway', () => {
    expect(turns({ firstMs: 10, perRowMs: 1 }, [run(1), run(2), run(1)])).toEqual([[1, 2, 1]]);
  });

  it.each([
    ['every row takes as long as the first', { firstMs: 10, perRowMs: 10 }],
    ['nothing is known of it', { firstMs: 0, perRowMs: 0 }],
  ])('should run one after the other where %s', (_, cost) => {
    expect(turns(cost, [run(1), run(1), run(1)])).toEqual([[1], [1], [1]]);
  });

  it('should keep a large request to itself, in its place', () => {
    expect(turns({ firstMs: 10, perRowMs: 1 }, [run(1), run(9), run(1), run(1)])).toEqual([[1], [9], [1, 1]]);
  });

  it('should not ask for other outputs together', () => {
    expect(turns({ firstMs: 10, perRowMs: 1 }, [run(1), run(1, ['score']), run(1, ['score'])])).toEqual([
      [1],
      [1],
      [1],
    ]);
  });

  it('should end a turn in time for the others', () => {
    const many = Array.from({ length: 120 }, () => run(1));
    expect(turns({ firstMs: 10, perRowMs: 1 }, many).map(({ length }) => length)).toEqual([50, 50, 20]);
  });
});
