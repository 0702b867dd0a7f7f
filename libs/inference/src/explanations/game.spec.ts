import { createHash } from 'node:crypto';
import { chooseGame, type Game, mostCoalitions, type Outcome } from './game.js';
import { type Random, randomFrom, shuffle } from './random.js';

type Worth = (members: ReadonlySet<number>) => number;

const SAMPLES = 100;

function seeded(seed: unknown): Random {
  return randomFrom(createHash('sha256').update(String(seed)).digest());
}

function players(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, at) => 3 + 2 * at);
}

/** Some worth for every coalition, the same each time. */
function anyWorth(seed: string): Worth {
  const known = new Map<string, number>();
  const random = seeded(seed);
  return (members) => {
    const key = [...members].sort((a, b) => a - b).join();
    if (!known.has(key)) known.set(key, random() * 10 - 5);
    return known.get(key)!;
  };
}

function play(game: Game, worth: Worth): Outcome {
  const worths = Float64Array.from(game.coalitions(), (coalition) => worth(new Set(coalition)));
  expect(worths.length).toBe(game.size);
  return game.settle(worths, worth(new Set()), worth(new Set(game.players)));
}

/** By the definition: the mean of what each player adds, over every order. */
function byEveryOrder(all: Int32Array, worth: Worth): number[] {
  const sums = new Map(Array.from(all, (player) => [player, 0]));
  let orders = 0;
  const visit = (joined: number[]) => {
    if (joined.length === all.length) {
      orders++;
      joined.forEach((player, at) => {
        const added = worth(new Set(joined.slice(0, at + 1))) - worth(new Set(joined.slice(0, at)));
        sums.set(player, sums.get(player)! + added);
      });
    }
    for (const player of all) if (!joined.includes(player)) visit([...joined, player]);
  };
  visit([]);
  return Array.from(all, (player) => sums.get(player)! / orders);
}

function expectClose(actual: Iterable<number>, expected: Iterable<number>): void {
  const [left, right] = [[...actual], [...expected]];
  expect(left.length).toBe(right.length);
  left.forEach((value, at) => expect(value).toBeCloseTo(right[at]!, 10));
}

const sum = (values: Iterable<number>) => [...values].reduce((total, value) => total + value, 0);

describe('a game of few players', () => {
  it.each([1, 2, 3, 5, 6])('should give %i players what the mean over every order does', (count) => {
    const worth = anyWorth('few');
    const game = chooseGame(players(count), SAMPLES, false, seeded(1));
    const { contributions, variances } = play(game, worth);
    expect(game.isExact).toBe(true);
    expectClose(contributions, byEveryOrder(game.players, worth));
    expectClose(variances, new Array<number>(count).fill(0));
  });

  it('should give nothing to a player that never matters, and the same to two that matter alike', () => {
    const three = players(3);
    const [first, second] = three as unknown as [number, number];
    const worth: Worth = (members) => (members.has(first) && members.has(second) ? 6 : 1);
    const { contributions } = play(chooseGame(three, SAMPLES, false, seeded(1)), worth);
    expectClose(contributions, [2.5, 2.5, 0]);
  });

  it('should give nobody anything where there is nobody', () => {
    const { contributions } = play(chooseGame(players(0), SAMPLES, false, seeded(1)), () => 4);
    expect(contributions).toHaveLength(0);
  });
});

describe('a game of many players', () => {
  const all = players(9);
  const sampled = (seed: unknown, quota = SAMPLES) => chooseGame(all, quota, false, seeded(seed));

  it('should share out exactly what all are worth beyond none', () => {
    const worth = anyWorth('many');
    for (let seed = 0; seed < 20; seed++) {
      const game = sampled(seed);
      expect(game.isExact).toBe(false);
      const { contributions } = play(game, worth);
      expect(sum(contributions)).toBeCloseTo(worth(new Set(all)) - worth(new Set()), 10);
    }
  });

  it('should be linear: of the sum of two games each gets the sum', () => {
    const [one, two] = [anyWorth('one'), anyWorth('two')];
    const both = play(sampled(3), (members) => one(members) + 2 * two(members)).contributions;
    const apart = [one, two].map((worth) => play(sampled(3), worth).contributions);
    expectClose(
      both,
      apart[0]!.map((value, at) => value + 2 * apart[1]![at]!),
    );
  });

  it('should give nothing, without an error, to a player that never matters', () => {
    const inner = anyWorth('inner');
    const worth: Worth = (members) => inner(new Set([...members].filter((player) => player !== all[4])));
    const { contributions, variances } = play(sampled(5), worth);
    expect(contributions[4]).toBe(0);
    expect(variances[4]).toBe(0);
    expect(contributions[3]).not.toBe(0);
  });

  it('should be exact, and know it, where no more than two players act together: reverse orders cancel', () => {
    const weights = Array.from(all, (_, at) => Array.from(all, (_, other) => Math.sin(at * 7 + other)));
    const worth: Worth = (members) => {
      let total = 0;
      all.forEach((player, at) =>
        all.forEach((other, beside) => {
          if (members.has(player) && members.has(other)) total += weights[at]![beside]!;
        }),
      );
      return total;
    };
    const { contributions, variances } = play(sampled(6), worth);
    expectClose(
      contributions,
      Array.from(all, (_, at) => sum(weights.map((row, other) => (row[at]! + weights[at]![other]!) / 2))),
    );
    for (const variance of variances) expect(variance).toBeLessThan(1e-20);
  });

  it('should say how far it may be off: the truth lies within 1.96 errors in about 95 of 100 cases', () => {
    const worth: Worth = (members) => {
      const has = (at: number) => (members.has(all[at]!) ? 1 : 0);
      return 3 * has(0) + 5 * has(1) * has(2) * has(3) - 4 * has(4) * has(5) * has(6) * has(7) + has(8);
    };
    const exact = play(chooseGame(all, 2 ** 9, false, seeded(0)), worth).contributions;
    let within = 0;
    let cases = 0;
    const means = new Float64Array(all.length);
    const games = 2000;
    for (let seed = 0; seed < games; seed++) {
      const { contributions, variances } = play(sampled(seed, 16 * 30), worth);
      contributions.forEach((value, at) => {
        means[at]! += value / games;
        if (variances[at]! < 1e-20) return;
        cases++;
        if (Math.abs(value - exact[at]!) <= 1.96 * Math.sqrt(variances[at]!)) within++;
      });
    }
    expect(cases).toBe(games * 7);
    expect(within / cases).toBeGreaterThan(0.92);
    expect(within / cases).toBeLessThan(0.97);
    means.forEach((mean, at) => expect(Math.abs(mean - exact[at]!)).toBeLessThan(0.02));
  });
});

describe('a game of a model that is a sum', () => {
  it('should be exact with one order', () => {
    const all = players(12);
    const worth: Worth = (members) => sum(Array.from(members, (player) => player ** 2)) + 5;
    const game = chooseGame(all, SAMPLES, true, seeded(1));
    expect([game.size, game.isExact]).toEqual([11, true]);
    expectClose(
      play(game, worth).contributions,
      all.map((player) => player ** 2),
    );
  });
});

describe('the number of coalitions', () => {
  it.each([
    [100, false],
    [100, true],
    [5, false],
    [1000, false],
  ])('should never be more than was said, with a quota of %i', (quota, isAdditive) => {
    for (let most = 1; most <= 40; most++) {
      const sizes = Array.from(
        { length: most + 1 },
        (_, count) => chooseGame(players(count), quota, isAdditive, seeded(1)).size,
      );
      expect(mostCoalitions(most, quota, isAdditive)).toBe(Math.max(...sizes));
    }
  });
});

describe('random orders', () => {
  it('should be each as likely', () => {
    const random = seeded('orders');
    const seen = new Map<string, number>();
    const draws = 24_000;
    for (let draw = 0; draw < draws; draw++) {
      const items = Int32Array.of(0, 1, 2, 3);
      shuffle(items, random);
      seen.set(items.join(), (seen.get(items.join()) ?? 0) + 1);
    }
    const statistic = sum(Array.from(seen.values(), (count) => (count - draws / 24) ** 2 / (draws / 24)));
    expect(seen.size).toBe(24);
    // The 99.9th percentile of chi-squared with 23 degrees of freedom.
    expect(statistic).toBeLessThan(49.7);
  });

  it('should be the same from the same seed, and others from another', () => {
    const draw = (seed: string) => Array.from({ length: 8 }, seeded(seed));
    expect(draw('a')).toEqual(draw('a'));
    expect(draw('a')).not.toEqual(draw('b'));
  });
});
