import { type Random, shuffle } from './random.js';

/*
 * The game between a row and one background row: the players are the features in which they differ, and a coalition is
 * worth what the model answers to the background row with the coalition's features taken from the row. The mean of the
 * Shapley values of these games over the background are those of the interventional value function (Janzing, Minorics
 * and Blöbaum 2020, "Feature relevance quantification in explainable AI").
 */

/** What a game has found out about each of its players. */
export interface Outcome {
  readonly contributions: Float64Array;
  /** The variances of the contributions, which are estimates; zeros where they are exact. */
  readonly variances: Float64Array;
}

/** A way to learn the players' Shapley values from some coalitions. */
export interface Game {
  readonly players: Int32Array;
  readonly isExact: boolean;
  /** How many coalitions have to be scored, beside the empty one and that of all players. */
  readonly size: number;
  /** The coalitions to score; each is valid until the next is asked for. */
  coalitions(): Iterable<Int32Array>;
  /**
   * @param worths of the coalitions, in their order
   * @param none worth of the empty coalition
   * @param all worth of the coalition of all players
   */
  settle(worths: Float64Array, none: number, all: number): Outcome;
}

/**
 * @param players the features in which both rows differ
 * @param quota coalitions that may be asked for; a few more where two pairs of permutations need them
 * @param isAdditive whether the model is known to be a sum of one term a feature
 */
export function chooseGame(players: Int32Array, quota: number, isAdditive: boolean, random: Random): Game {
  if (isAdditive) return new Additive(players);
  if (enumerates(players.length, quota)) return new Enumeration(players);
  return new Permutations(players, pairsOf(players.length, quota), random);
}

/** The most coalitions that a game of so many players or fewer asks for. */
export function mostCoalitions(players: number, quota: number, isAdditive: boolean): number {
  if (isAdditive) return Math.max(0, players - 1);
  let most = 0;
  for (let count = 1; count <= players; count++) {
    const size = enumerates(count, quota) ? 2 ** count - 2 : 2 * (count - 1) * pairsOf(count, quota);
    most = Math.max(most, size);
  }
  return most;
}

/** An error can be estimated from the differences between pairs, so that there have to be two. */
const FEWEST_PAIRS = 2;

function enumerates(players: number, quota: number): boolean {
  return 2 ** players - 2 <= Math.max(quota, 2 * FEWEST_PAIRS * (players - 1));
}

function pairsOf(players: number, quota: number): number {
  return Math.max(FEWEST_PAIRS, Math.floor(quota / (2 * (players - 1))));
}

/** The game of a sum of one term a feature: a feature adds the same to every coalition, so that one order is enough. */
class Additive implements Game {
  readonly isExact = true;
  readonly size: number;

  constructor(readonly players: Int32Array) {
    this.size = Math.max(0, players.length - 1);
  }

  coalitions(): Iterable<Int32Array> {
    return prefixes(this.players);
  }

  settle(worths: Float64Array, none: number, all: number): Outcome {
    const { length } = this.players;
    const contributions = new Float64Array(length);
    for (let at = 0; at < length; at++) {
      const before = at === 0 ? none : worths[at - 1]!;
      contributions[at] = (at === length - 1 ? all : worths[at]!) - before;
    }
    return { contributions, variances: new Float64Array(length) };
  }
}

/** Scores all coalitions and weighs them by Shapley's formula (1953). */
class Enumeration implements Game {
  readonly isExact = true;
  readonly size: number;

  constructor(readonly players: Int32Array) {
    this.size = Math.max(0, 2 ** players.length - 2);
  }

  *coalitions(): Iterable<Int32Array> {
    const { players } = this;
    for (let members = 1; members <= this.size; members++) {
      yield players.filter((_, player) => members & (1 << player));
    }
  }

  settle(worths: Float64Array, none: number, all: number): Outcome {
    const { length } = this.players;
    const everyone = 2 ** length - 1;
    const worth = (members: number) =>
      members === 0 ? none : members === everyone ? all : worths[members - 1]!;
    const weights = shapleyWeights(length);
    const contributions = new Float64Array(length);
    for (let members = 0; members < everyone; members++) {
      const weight = weights[countOf(members)]!;
      for (let player = 0; player < length; player++) {
        const joined = members | (1 << player);
        if (joined !== members) contributions[player]! += weight * (worth(joined) - worth(members));
      }
    }
    return { contributions, variances: new Float64Array(length) };
  }
}

/**
 * Random orders in which the players join, each followed by its reverse (antithetic sampling: Lomeli, Rowland, Gretton
 * and Ghahramani 2019; Mitchell, Cooper, Frank and Holmes 2022, "Sampling Permutations for Shapley Value Estimation";
 * orders at all: Castro, Gómez and Tejada 2009). What a player adds on joining, on average over the orders, is an
 * unbiased estimate of its Shapley value. Only pairs are independent of each other, so that the error is that of the
 * mean of pairs.
 */
class Permutations implements Game {
  readonly isExact = false;
  readonly size: number;
  private readonly orders: Int32Array[] = [];

  constructor(
    readonly players: Int32Array,
    private readonly pairs: number,
    random: Random,
  ) {
    this.size = 2 * pairs * (players.length - 1);
    for (let pair = 0; pair < pairs; pair++) {
      const order = Int32Array.from(players.keys());
      shuffle(order, random);
      this.orders.push(order, order.toReversed());
    }
  }

  *coalitions(): Iterable<Int32Array> {
    for (const order of this.orders) yield* prefixes(order.map((player) => this.players[player]!));
  }

  settle(worths: Float64Array, none: number, all: number): Outcome {
    const { length } = this.players;
    const contributions = new Float64Array(length);
    const squares = new Float64Array(length);
    const ofPair = new Float64Array(length);
    let next = 0;
    for (const [at, order] of this.orders.entries()) {
      if (at % 2 === 0) ofPair.fill(0);
      let before = none;
      for (let place = 0; place < length; place++) {
        const after = place === length - 1 ? all : worths[next++]!;
        ofPair[order[place]!]! += (after - before) / 2;
        before = after;
      }
      if (at % 2 === 1) addToMoments(ofPair, (at + 1) / 2, contributions, squares);
    }
    const degrees = (this.pairs - 1) * this.pairs;
    return { contributions, variances: squares.map((sum) => sum / degrees) };
  }
}

/** Means and sums of squared deviations, value by value (Welford 1962). */
function addToMoments(values: Float64Array, count: number, means: Float64Array, squares: Float64Array): void {
  for (let at = 0; at < values.length; at++) {
    const deviation = values[at]! - means[at]!;
    means[at]! += deviation / count;
    squares[at]! += deviation * (values[at]! - means[at]!);
  }
}

/** The coalitions that arise as players join in an order, without the empty one and that of all players. */
function* prefixes(order: Int32Array): Iterable<Int32Array> {
  for (let length = 1; length < order.length; length++) yield order.subarray(0, length);
}

/** The share of orders in which exactly a given coalition of so many members comes before a given player. */
function shapleyWeights(players: number): Float64Array {
  const weights = new Float64Array(players);
  let coalitions = 1;
  for (let members = 0; members < players; members++) {
    weights[members] = 1 / (players * coalitions);
    coalitions *= (players - 1 - members) / (members + 1);
  }
  return weights;
}

function countOf(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}
